"""Answers that nobody looks at: however they end, they are kept once."""

import threading
from collections.abc import Generator

import pytest

from primer.core.errors import UserError
from primer.serve.client import Counted, Ended, Event, Piece, ServerAway, ServerRefused, ToolUse
from primer.serve.drafts import AWAY, FAILED, STOPPED, Desk, Draft

PATIENCE = 10.0


class Kept(list[str]):
    """What was kept."""

    def __call__(self, draft: Draft) -> None:
        self.append(draft.text)


def drafted(*events: Event | Exception) -> tuple[Draft, Kept]:
    """An answer of these events that is over."""

    def run() -> Generator[Event, None, None]:
        for event in events:
            if isinstance(event, Exception):
                raise event
            yield event

    kept = Kept()
    draft = Draft("primer", run, kept)
    assert draft.wait(PATIENCE)
    return draft, kept


def test_whole_answer_is_kept_with_what_is_known_of_it() -> None:
    draft, kept = drafted(ToolUse("calculator", "{}", "7"), Piece("It is "), Piece("7."), Ended("stop"), Counted(4))
    assert kept == ["It is 7."]
    details = draft.details()
    assert (details["ended"], details["tokens"]) == ("stop", 4)
    assert details["tool_activity"] == [{"name": "calculator", "arguments": "{}", "result": "7"}]


@pytest.mark.parametrize(("error", "ended"), [(ServerAway("gone."), AWAY), (ServerRefused("no."), FAILED)])
def test_half_answer_is_kept_and_marked(error: Exception, ended: str) -> None:
    draft, kept = drafted(Piece("It is"), error)
    assert kept == ["It is"]
    assert (draft.details()["ended"], draft.details()["problem"]) == (ended, str(error))


def test_failure_before_the_first_word_keeps_nothing_but_stays_at_the_desk() -> None:
    draft, kept = drafted(ServerAway("gone."))
    desk = Desk()
    desk.put(1, draft)
    assert kept == []
    assert desk.at(1) is draft


def test_stop_keeps_at_once_and_hangs_up_at_the_next_word() -> None:
    go_on, hung_up, first = threading.Event(), threading.Event(), threading.Event()

    def events() -> Generator[Event, None, None]:
        try:
            yield Piece("one ")
            first.set()
            go_on.wait(PATIENCE)
            yield Piece("two")
        finally:
            hung_up.set()

    kept = Kept()
    draft = Draft("primer", events, kept)
    assert first.wait(PATIENCE)
    draft.stop()
    assert draft.is_over
    assert not hung_up.is_set()
    go_on.set()
    assert hung_up.wait(PATIENCE)
    assert (kept, draft.text, draft.ended) == (["one "], "one ", STOPPED)


def test_answer_that_cannot_be_kept_is_not_lost() -> None:
    def keep(draft: Draft) -> None:
        raise UserError("the database is locked.")

    draft = Draft("primer", lambda: (event for event in (Piece("It is 7."), Ended("stop"))), keep)
    assert draft.wait(PATIENCE)
    desk = Desk()
    desk.put(1, draft)
    assert desk.at(1) is draft
    assert (draft.text, draft.unsaved) == ("It is 7.", "the database is locked.")


def test_desk_forgets_what_was_kept() -> None:
    draft, _ = drafted(Piece("It is 7."), Ended("stop"))
    desk = Desk()
    desk.put(1, draft)
    assert desk.at(1) is None
    assert desk.at(2) is None
