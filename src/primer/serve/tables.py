"""What the page keeps, as tables.

    conversations ─┬─ messages ── thumbs     a thumb outlives its message, but not its conversation
                   └────────────────┘
    votes                                    of two answers side by side; they belong to no conversation

A thumb holds the prompt and the answer as they were, for by the time of an export the question may have been edited, or
another answer written in this one's place. `migrations/` makes the tables; a test compares them with these classes.
"""

from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

ThumbKind = Literal["up", "down"]
Choice = Literal["left", "right", "tie", "both_bad"]


class Words(TypeDecorator[str]):
    """Any text that a person or a model can write.

    PostgreSQL refuses the character 0, and no database takes half a surrogate pair; both become U+FFFD.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """What is stored."""
        return None if value is None else clean(value)


class Moment(TypeDecorator[datetime]):
    """A time in UTC. SQLite forgets a time's zone, so none is stored."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Without its zone."""
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """With it."""
        return value and value.replace(tzinfo=UTC)


def clean(text: str) -> str:
    """The text with what no database takes replaced by U+FFFD.

    >>> clean("a\\x00b\\ud83d")
    'a\ufffdb\ufffd'
    """
    text = text.replace("\x00", "\ufffd")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """What the tables share."""

    type_annotation_map = {str: Words, datetime: Moment, dict[str, Any]: JSON, list[dict[str, Any]]: JSON}  # noqa: RUF012


class ConversationRow(Base):
    """A conversation."""

    __tablename__ = "conversations"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  # an id is never given out again: pages keep them

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    system: Mapped[str]
    settings: Mapped[dict[str, Any]]
    created: Mapped[datetime] = mapped_column(default=now)
    updated: Mapped[datetime] = mapped_column(default=now, index=True)


class MessageRow(Base):
    """A message; those of a conversation are in the order of their ids."""

    __tablename__ = "messages"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    role: Mapped[str]
    content: Mapped[str]
    model: Mapped[str]
    system: Mapped[str]  # the conversation's system prompt when this was written
    details: Mapped[dict[str, Any]]
    created: Mapped[datetime] = mapped_column(default=now)


class ThumbRow(Base):
    """What a person thought of an answer."""

    __tablename__ = "thumbs"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    message_id: Mapped[int | None] = mapped_column(ForeignKey("messages.id", ondelete="SET NULL"), unique=True)
    thumb: Mapped[str]
    prompt: Mapped[list[dict[str, Any]]]
    answer: Mapped[dict[str, Any]]
    created: Mapped[datetime] = mapped_column(default=now)


class VoteRow(Base):
    """Two answers to one prompt, and which is the better one."""

    __tablename__ = "votes"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012

    id: Mapped[int] = mapped_column(primary_key=True)
    prompt: Mapped[list[dict[str, Any]]]
    left: Mapped[dict[str, Any]]
    right: Mapped[dict[str, Any]]
    choice: Mapped[str]
    created: Mapped[datetime] = mapped_column(default=now)
