"""Conversations and votes, kept in a database.

>>> store = Store("sqlite://")  # in memory; "sqlite:///runs/primer.db" is a file
>>> chat = store.create("Rain")
>>> question, answer = store.add(chat, "user", "Will it rain?"), store.add(chat, "assistant", "No.", model="rl")
>>> store.thumb(answer, "down")
>>> [(message.role, message.content, message.thumb) for message in store.get(chat).messages]
[('user', 'Will it rain?', None), ('assistant', 'No.', 'down')]
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, cast

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.orm import Session

from primer.core.errors import UserError
from primer.serve.database import Database
from primer.serve.tables import Choice, ConversationRow, MessageRow, ThumbKind, ThumbRow, VoteRow, now

DATABASE = "sqlite:///runs/primer.db"


class UnknownConversation(UserError):
    """A conversation that is not there (any more)."""


class UnknownMessage(UserError):
    """A message that is not there (any more)."""


@dataclass(frozen=True)
class Summary:
    """A conversation in a list."""

    id: int
    title: str
    updated: datetime


@dataclass(frozen=True)
class Stored:
    """A message."""

    id: int
    role: str
    content: str
    model: str
    """Who wrote it, if it is an answer."""
    details: dict[str, Any]
    """What else is known of it: tool_activity, safety, seconds, tokens."""
    created: datetime
    thumb: ThumbKind | None


@dataclass(frozen=True)
class Conversation:
    """A conversation with its messages, the oldest first."""

    id: int
    title: str
    system: str
    settings: dict[str, Any]
    updated: datetime
    messages: tuple[Stored, ...]


@dataclass(frozen=True)
class Answer:
    """An answer that was voted on."""

    content: str
    model: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Vote:
    """Two answers to the same prompt, and which is the better one."""

    prompt: list[dict[str, Any]]
    left: Answer
    right: Answer
    choice: Choice


@dataclass(frozen=True)
class Thumb:
    """What a person thought of one answer to a prompt."""

    prompt: list[dict[str, Any]]
    answer: Answer
    thumb: ThumbKind


class Store:
    """Conversations and votes. Any number of threads and processes may use one database at once."""

    def __init__(self, url: str = DATABASE, busy_seconds: float = 10.0, must_exist: bool = False) -> None:
        """Open a database, or make one. `busy_seconds`: how long to wait for others that write to a SQLite file.

        Every method raises StoreError for a database that is locked, read-only or away; what was kept stays. Here also
        for one that cannot be opened, and UserError for one that was written by a newer version of Primer.
        """
        self.database = Database(url, busy_seconds, must_exist)

    def close(self) -> None:
        """Close every connection."""
        self.database.close()

    # --- conversations ---

    def conversations(self, search: str = "", limit: int = 200) -> list[Summary]:
        """The newest first; those with `search` in the title or in a message, in upper or lower case."""
        rows = select(ConversationRow).order_by(ConversationRow.updated.desc(), ConversationRow.id.desc()).limit(limit)
        if search:
            in_message = exists().where(
                MessageRow.conversation_id == ConversationRow.id, MessageRow.content.icontains(search, autoescape=True)
            )
            rows = rows.where(or_(ConversationRow.title.icontains(search, autoescape=True), in_message))
        with self.database.reading() as session:
            return [Summary(row.id, row.title, row.updated) for row in session.scalars(rows)]

    def create(self, title: str = "New chat", system: str = "", settings: dict[str, Any] | None = None) -> int:
        """A new conversation; its id."""
        with self.database.writing() as session:
            row = ConversationRow(title=title, system=system, settings=settings or {})
            session.add(row)
            session.flush()
            return row.id

    def get(self, id: int) -> Conversation:
        """A conversation. Raises UnknownConversation."""
        with self.database.reading() as session:
            row = known(session, id)
            messages = session.execute(
                select(MessageRow, ThumbRow.thumb)
                .outerjoin(ThumbRow, ThumbRow.message_id == MessageRow.id)
                .where(MessageRow.conversation_id == id)
                .order_by(MessageRow.id)
            )
            stored = tuple(
                Stored(m.id, m.role, m.content, m.model, m.details, m.created, cast(ThumbKind | None, thumb))
                for m, thumb in messages
            )
            return Conversation(row.id, row.title, row.system, row.settings, row.updated, stored)

    def add(
        self, conversation: int, role: str, content: str, model: str = "", details: dict[str, Any] | None = None
    ) -> int:
        """A new message at the end of a conversation; its id. Raises UnknownConversation."""
        with self.database.writing() as session:
            row = to_change(session, conversation)
            message = MessageRow(
                conversation_id=row.id, role=role, content=content, model=model, details=details or {},
                system=row.system,
            )  # fmt: skip
            session.add(message)
            session.flush()
            return message.id

    def cut(self, conversation: int, message: int) -> None:
        """Remove a message and all after it; thumbs on them stay votes.

        Raises UnknownConversation, or UnknownMessage if it has been removed already: what stands there now may be new.
        """
        with self.database.writing() as session:
            to_change(session, conversation)
            if known_message(session, message).conversation_id != conversation:
                raise UnknownMessage(f"message {message} is not of conversation {conversation}.")
            later = MessageRow.conversation_id == conversation, MessageRow.id >= message
            session.execute(delete(MessageRow).where(*later))

    def update(
        self, conversation: int, title: str | None = None, system: str | None = None,
        settings: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Change what is given. Raises UnknownConversation."""
        with self.database.writing() as session:
            row = to_change(session, conversation)
            row.title = row.title if title is None else title
            row.system = row.system if system is None else system
            row.settings = row.settings if settings is None else settings

    def delete(self, conversation: int) -> None:
        """Remove a conversation, its messages and the thumbs on them. One that is gone already is no error."""
        with self.database.writing() as session:
            session.execute(delete(ConversationRow).where(ConversationRow.id == conversation))

    # --- votes ---

    def thumb(self, message: int, thumb: ThumbKind | None) -> None:
        """Note what a person thinks of an answer, in place of what they thought before; None: nothing.

        Raises UnknownMessage.
        """
        with self.database.writing() as session:
            row = known_message(session, message)
            session.execute(delete(ThumbRow).where(ThumbRow.message_id == message))
            if thumb:
                new = ThumbRow(conversation_id=row.conversation_id, message_id=message, thumb=thumb)
                new.prompt = prompt_of(session, row)
                new.answer = asdict(Answer(row.content, row.model, row.details))
                session.add(new)

    def vote(self, prompt: Sequence[dict[str, Any]], left: Answer, right: Answer, choice: Choice) -> int:
        """Note which of two answers to a prompt (messages with role and content) is the better one; the vote's id."""
        with self.database.writing() as session:
            row = VoteRow(prompt=list(prompt), left=asdict(left), right=asdict(right), choice=choice)
            session.add(row)
            session.flush()
            return row.id

    def votes(self) -> list[Vote]:
        """Every vote on two answers, the oldest first."""
        with self.database.reading() as session:
            rows = session.scalars(select(VoteRow).order_by(VoteRow.id))
            return [Vote(r.prompt, Answer(**r.left), Answer(**r.right), cast(Choice, r.choice)) for r in rows]

    def thumbs(self) -> list[Thumb]:
        """Every thumb, the oldest first, those on answers that were replaced among them."""
        with self.database.reading() as session:
            rows = session.scalars(select(ThumbRow).order_by(ThumbRow.id))
            return [Thumb(r.prompt, Answer(**r.answer), cast(ThumbKind, r.thumb)) for r in rows]

    # --- exports ---

    def export_json(self, id: int) -> str:
        """A conversation as JSON: its messages are those of OpenAI's protocol, with what else is known of them.

        Raises UnknownConversation.
        """
        found = self.get(id)
        head = [{"role": "system", "content": found.system}] if found.system else []
        messages = [
            {
                "role": m.role, "content": m.content, "model": m.model, "created": m.created.isoformat(),
                "thumb": m.thumb, "details": m.details,
            }
            for m in found.messages
        ]  # fmt: skip
        whole = {"title": found.title, "settings": found.settings, "messages": [*head, *messages]}
        return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"

    def export_markdown(self, id: int) -> str:
        """A conversation as Markdown. Raises UnknownConversation."""
        found = self.get(id)
        parts = [f"# {' '.join(found.title.split())}", f"> {found.system}".replace("\n", "\n> ")][
            : 1 + bool(found.system)
        ]
        for message in found.messages:
            parts += [f"## {message.model or message.role}", message.content]
        return "\n\n".join(parts) + "\n"


def file_name(title: str, ending: str) -> str:
    """A name for an exported conversation, that stays in its folder whatever the title is.

    >>> file_name("../../etc/passwd", "json"), file_name("Über Äpfel & Birnen?", "md"), file_name("..", "md")
    ('chat-etc-passwd.json', 'chat-Über-Äpfel-Birnen.md', 'chat.md')
    """
    words = re.findall(r"\w+", title)
    return "-".join(["chat", *words])[:60] + f".{ending}"


def known(session: Session, id: int) -> ConversationRow:
    """A conversation's row. Raises UnknownConversation."""
    row = session.get(ConversationRow, id)
    if row is None:
        raise UnknownConversation(f"there is no conversation {id}: it was deleted. Choose another, or begin a new one.")
    return row


def known_message(session: Session, id: int) -> MessageRow:
    """A message's row, that nobody else changes until the transaction ends. Raises UnknownMessage."""
    row = session.get(MessageRow, id, with_for_update=True)
    if row is None:
        raise UnknownMessage(f"there is no message {id}: it was removed. Load the conversation again.")
    return row


def to_change(session: Session, id: int) -> ConversationRow:
    """A conversation's row, that nobody else changes until the transaction ends. Raises UnknownConversation."""
    session.execute(update(ConversationRow).where(ConversationRow.id == id).values(updated=now()))
    return known(session, id)


def prompt_of(session: Session, answer: MessageRow) -> list[dict[str, Any]]:
    """What the model was sent before it answered: the system prompt of that time, and the words of each message."""
    before = select(MessageRow.role, MessageRow.content).order_by(MessageRow.id)
    before = before.where(MessageRow.conversation_id == answer.conversation_id, MessageRow.id < answer.id)
    head = [{"role": "system", "content": answer.system}] if answer.system else []
    return [*head, *({"role": role, "content": content} for role, content in session.execute(before) if content)]
