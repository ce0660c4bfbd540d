"""The compare page: two answers to one question, side by side, and a vote for the better one."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from primer.serve.client import ServedModel, Server, Settings
from primer.serve.drafts import Draft
from primer.serve.shown import as_label
from primer.serve.store import Answer
from primer.serve.tables import Choice
from primer.serve.views.answer import LOOK_SECONDS, show_answer, show_draft, statistics
from primer.serve.views.controls import choose_model, choose_settings, show_examples
from primer.serve.views.resources import offered_models, open_server, open_store

VOTES: dict[Choice, str] = {
    "left": "Left is better",
    "right": "Right is better",
    "tie": "Equally good",
    "both_bad": "Both are bad",
}
NAMES = ("A", "B")


@dataclass
class Pair:
    """Two answers to the same messages, and what the visitor thinks of them."""

    messages: list[dict[str, str]]
    drafts: tuple[Draft, Draft]
    choice: Choice | None = None

    @property
    def is_over(self) -> bool:
        """Whether both answers have ended."""
        return all(draft.is_over for draft in self.drafts)

    def stop(self) -> None:
        """Stop what is still being written."""
        for draft in self.drafts:
            draft.stop()

    @property
    def can_be_voted_on(self) -> bool:
        """Whether there may be a vote yet: none was given, and no answer ended without a word."""
        return self.choice is None and all(draft.text or not draft.is_over for draft in self.drafts)

    @property
    def names(self) -> tuple[str, ...]:
        """Who answered. It is told after the vote, which a name would sway."""
        return NAMES if self.can_be_voted_on else tuple(draft.model for draft in self.drafts)


def page() -> None:
    """Draw it."""
    with st.bottom:
        models = offered_models()
        sides, (system, settings) = choose_sides(models)
    question = st.chat_input("Ask both", disabled=not models)
    pair: Pair | None = st.session_state.get("pair")
    if question is None and pair is None:
        question = show_welcome(bool(sides))
    if question and sides:
        if pair is not None:
            pair.stop()
        pair = ask(open_server(), question, sides, system, settings)
        st.session_state.pair = pair
    if pair is not None:
        show_pair(pair)


def choose_sides(models: Sequence[ServedModel]) -> tuple[list[ServedModel], tuple[str, Settings]]:
    """The two models, and the settings that they share. The same model twice: two samples of it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        first = choose_model(models, "compare-first", label="One model")
        second = choose_model(models, "compare-second", label="The other")
        settings = choose_settings("compare")
    return [model for model in (first, second) if model is not None], settings


def show_welcome(is_ready: bool) -> str | None:
    """What this is, and questions to begin with. Returns the one that was chosen."""
    st.header("Which answer is better?", anchor=False)
    st.markdown(
        "Ask once, read two answers side by side, and vote. They come from the two models below, or from one model "
        "twice; which is whose is told after the vote. The votes can train the next one."
    )
    return show_examples(is_ready)


def ask(server: Server, question: str, sides: Sequence[ServedModel], system: str, settings: Settings) -> Pair:
    """Have both models answer at once, from different seeds, on sides that are drawn by lot."""
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": question})

    def draft(model: ServedModel) -> Draft:
        seed = random.getrandbits(31)
        return Draft(model.name, lambda: server.stream(messages, model, settings, seed), lambda draft: None)

    left, right = random.sample(sides, 2)
    return Pair(messages, (draft(left), draft(right)))


def show_pair(pair: Pair) -> None:
    """The question, the answers as they come, then the vote."""
    with st.chat_message("user", avatar=":material/person:"):
        st.text(pair.messages[-1]["content"])
    if not pair.is_over:
        watch(pair)
        return
    for column, draft, name in zip(st.columns(2, border=True), pair.drafts, pair.names, strict=True):
        with column:
            show_side(draft, name)
    show_vote(pair)


@st.fragment(run_every=LOOK_SECONDS)
def watch(pair: Pair) -> None:
    """Both answers as they come, with a way to stop them. Only this part of the page is drawn again and again."""
    for column, draft, name in zip(st.columns(2, border=True), pair.drafts, pair.names, strict=True):
        with column:
            show_draft(draft, name)
    if st.button("Stop", icon=":material/stop_circle:", key="stop"):
        pair.stop()
    if pair.is_over:
        st.rerun()


def show_side(draft: Draft, name: str) -> None:
    """An answer that is over, and whose."""
    details = draft.details()
    show_answer(draft.text, details)
    if not draft.text:
        st.caption("No answer.")
    st.caption(as_label(statistics(name, details), 200))


def show_vote(pair: Pair) -> None:
    """The four buttons; after one was pressed what was chosen."""
    if pair.choice is not None:
        st.success(f"Your vote is kept: {VOTES[pair.choice].lower()}.", icon=":material/how_to_vote:")
        if st.button("Ask something else", icon=":material/refresh:", key="next"):
            del st.session_state.pair
            st.rerun()
        return
    if not pair.can_be_voted_on:
        st.caption("There is nothing to vote on. Ask again below.")
        return
    with st.container(horizontal=True, horizontal_alignment="center"):
        for choice, label in VOTES.items():
            if st.button(label, key=f"vote-{choice}"):
                left, right = (Answer(draft.text, draft.model, draft.details()) for draft in pair.drafts)
                open_store().vote(pair.messages, left, right, choice)
                pair.choice = choice
                st.rerun()
