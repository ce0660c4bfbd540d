"""The chat page: a conversation, its answers as they come, and the means to change its course."""

import random
from dataclasses import dataclass

import streamlit as st

from primer.serve.client import ServedModel, Server
from primer.serve.drafts import AWAY, FAILED, STOPPED, Desk, Draft
from primer.serve.shown import as_label
from primer.serve.store import Conversation, Store, Stored, UnknownConversation
from primer.serve.tables import ThumbKind
from primer.serve.views.answer import LOOK_SECONDS, show_answer, show_draft, statistics
from primer.serve.views.controls import Chosen, choose_model, choose_settings, note_change, show_examples, was_changed
from primer.serve.views.history import show_history
from primer.serve.views.resources import kept, offered_models, open_desk, open_server, open_store

THUMBS: tuple[ThumbKind, ...] = ("down", "up")  # as st.feedback counts them
AVATARS = {"user": ":material/person:", "assistant": ":material/menu_book:"}
UNANSWERED = {
    STOPPED: "Stopped before its first word.",
    AWAY: "No answer:",
    FAILED: "No answer:",
    "": "This question has no answer yet.",
}


def page() -> None:
    """Draw it."""
    store, desk = open_store(), open_desk()
    current = find_current(store)
    show_history(store, current, go_to)
    with st.bottom:
        models = offered_models()
        chosen = choose(store, current, models)
    question = st.chat_input("Ask something", disabled=not models)  # out there by itself, else nothing scrolls to it
    if question is None and current is None:
        question = show_welcome(chosen.model)
    id = current.id if current else None
    if question and chosen.model:
        with st.bottom, kept():
            id = ask(store, desk, current, question, chosen)
            start(store, desk, open_server(), id, chosen)
    if id is not None:
        st.session_state.chat = id
        st.query_params["chat"] = str(id)
        Thread(store, desk, id, chosen).show()


def find_current(store: Store) -> Conversation | None:
    """That of the address (?chat=12), or the one that was shown before another page was; None: a new one."""
    asked = st.query_params.get("chat", st.session_state.get("chat"))
    if asked is None:
        return None
    try:
        current = store.get(int(asked))
    except (ValueError, UnknownConversation):
        st.session_state.pop("chat", None)
        st.query_params.pop("chat", None)
        st.info("That conversation is not here: it was deleted, or it is on another computer. This is a new one.")
        return None
    return current


def go_to(id: int | None) -> None:
    """Show another conversation, or an empty one."""
    st.session_state.pop("editing", None)
    st.session_state.pop("chat", None)
    st.query_params.pop("chat", None)
    if id is not None:
        st.query_params["chat"] = str(id)
    st.rerun()


def choose(store: Store, current: Conversation | None, models: list[ServedModel]) -> Chosen:
    """Model and settings; a conversation remembers its own. To look at it changes nothing, whatever is shown."""
    key = f"chat-{current.id if current else 'new'}"
    remembered = current.settings if current else {}
    wanted = remembered.get("model", "")
    with st.container(horizontal=True, vertical_alignment="center"):
        model = choose_model(models, key, wanted)
        system, settings = choose_settings(key, current.system if current else "", remembered)
        if model and not model.chats:
            st.caption("A base model does not converse: it goes on writing your text.", width="content")
        if model and wanted and wanted not in [each.name for each in models]:
            st.caption(f"{as_label(wanted)} is not there any more. {as_label(model.name)} answers.", width="content")
    chosen = Chosen(model, system, settings)
    if current and model and was_changed(key):
        with kept():
            remember(store, current, chosen)
    return chosen


def remember(store: Store, conversation: Conversation, chosen: Chosen) -> None:
    """Keep with a conversation how it is answered."""
    if (chosen.system, chosen.to_json()) != (conversation.system, conversation.settings):
        store.update(conversation.id, system=chosen.system, settings=chosen.to_json())


def show_welcome(model: ServedModel | None) -> str | None:
    """What this is, and questions to begin with. Returns the one that was chosen."""
    st.header("What would you like to know?", anchor=False)
    st.markdown("This is a language model that was trained with Primer. Write to it below, or begin with one of these:")
    question = show_examples(model is not None)
    st.caption("Small models make things up. What you write stays on this computer and the server that it talks to.")
    return question


def ask(store: Store, desk: Desk, current: Conversation | None, question: str, chosen: Chosen) -> int:
    """Add a question to a conversation, or begin one with it. Returns the conversation's id."""
    id = current.id if current else store.create(title_of(question), chosen.system, chosen.to_json())
    desk.clear(id)  # first: what an answer under way has said so far is kept, and stands before the question
    store.add(id, "user", question)
    return id


def title_of(question: str) -> str:
    """A conversation's name until it is given another: its first question, on one line."""
    line = " ".join(question.split())
    return line if len(line) <= 60 else line[:59].rstrip() + "…"


def start(store: Store, desk: Desk, server: Server, id: int, chosen: Chosen) -> None:
    """Let the server answer a conversation; what comes of it is kept there."""
    model, settings = chosen.model, chosen.settings
    assert model is not None  # the buttons that lead here are off without one
    desk.clear(id)
    conversation = store.get(id)
    remember(store, conversation, chosen)
    messages = [{"role": "system", "content": chosen.system}] if chosen.system else []
    messages += [{"role": m.role, "content": m.content} for m in conversation.messages if m.content]
    seed = random.getrandbits(31)  # another answer each time; kept, so that each can be had again

    def keep(draft: Draft) -> None:
        store.add(id, "assistant", draft.text, model.name, {**draft.details(), "seed": seed})

    desk.put(id, Draft(model.name, lambda: server.stream(messages, model, settings, seed), keep))


@st.fragment(run_every=LOOK_SECONDS)
def watch(draft: Draft) -> None:
    """An answer as it comes, with a way to stop it. Only this part of the page is drawn again and again."""
    show_draft(draft, draft.model)
    if st.button("Stop", icon=":material/stop_circle:", key="stop"):
        draft.stop()
    if draft.is_over:
        st.rerun()


@dataclass
class Thread:
    """The messages of a conversation, from the first to the answer that is being written."""

    store: Store
    desk: Desk
    id: int
    chosen: Chosen

    def show(self) -> None:
        """Draw them."""
        draft = self.desk.at(self.id)  # before the messages: in between it may end, and become one of them
        is_under_way = draft is not None and not draft.is_over  # nor is that asked twice
        messages = self.store.get(self.id).messages
        for message in messages:
            with st.chat_message(message.role, avatar=AVATARS.get(message.role)):
                if message.role == "user":
                    self.show_question(message)
                else:
                    self.show_reply(message, is_last=message is messages[-1])
        if draft and is_under_way:
            with st.chat_message("assistant", avatar=AVATARS["assistant"]):
                watch(draft)
        elif draft and draft.unsaved:
            self.show_unsaved(draft)
        elif messages and messages[-1].role == "user":
            self.show_unanswered(draft)

    def show_question(self, message: Stored) -> None:
        """What the visitor said, with a way to say it otherwise."""
        if st.session_state.get("editing") != message.id:
            with st.container(horizontal=True, wrap=False):
                st.text(message.content, width="stretch")
                is_pressed = st.button("Edit", icon=":material/edit:", key=f"edit-{message.id}", type="tertiary")
            if is_pressed:
                st.session_state.editing = message.id
                st.rerun()
            return
        text = st.text_area("Edit", message.content, key=f"text-{message.id}", label_visibility="collapsed")
        with st.container(horizontal=True):
            is_sent = st.button("Ask again", key="send-edit", type="primary", disabled=not self.chosen.model)
            is_left = st.button("Cancel", key="cancel-edit")
        if is_sent and text.strip():
            with kept():
                self.desk.clear(self.id)
                self.store.cut(self.id, message.id)
                self.store.add(self.id, "user", text)
                self.answer()
        if is_left:
            del st.session_state.editing
            st.rerun()

    def show_reply(self, message: Stored, is_last: bool) -> None:
        """An answer, what there is to say about it, and the visitor's thumb."""
        with st.container():  # as a fragment has one: what was the draft is replaced, and never beside it
            show_answer(message.content, message.details)
        with st.container(horizontal=True, vertical_alignment="center"):
            default = THUMBS.index(message.thumb) if message.thumb else None
            key = f"thumb-{message.id}"
            chosen = st.feedback("thumbs", key=key, default=default, on_change=note_change, args=(key,))
            if was_changed(key):
                with kept():
                    self.store.thumb(message.id, None if chosen is None else THUMBS[chosen])
            if is_last and self.chosen.model:
                again = st.button("Regenerate", icon=":material/refresh:", key="regenerate", type="tertiary")
                if again:
                    with kept():
                        self.store.cut(self.id, message.id)
                        self.answer()
            st.caption(as_label(statistics(message.model, message.details), 200), width="content")

    def show_unanswered(self, draft: Draft | None) -> None:
        """A question without an answer: why, and a way to ask again."""
        with st.chat_message("assistant", avatar=AVATARS["assistant"]):
            ended, problem = (draft.ended, draft.problem) if draft else ("", "")
            st.warning(f"{UNANSWERED.get(ended, 'The model said nothing.')} {problem}".strip())
            if self.chosen.model and st.button("Try again", icon=":material/refresh:", key="ask-again"):
                with kept():
                    self.answer()

    def show_unsaved(self, draft: Draft) -> None:
        """An answer that the database did not take."""
        with st.chat_message("assistant", avatar=AVATARS["assistant"]):
            show_answer(draft.text, draft.details())
            st.error(f"This answer could not be kept: {draft.unsaved}")

    def answer(self) -> None:
        """Have the last question answered."""
        st.session_state.pop("editing", None)
        start(self.store, self.desk, open_server(), self.id, self.chosen)
        st.rerun()
