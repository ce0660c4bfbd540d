"""Answers while they are written: each by a thread of its own, so that no answer depends on anybody looking at it.

A page comes, looks and goes: a reload, another conversation or a closed browser does not lose a word. When an answer is
over, however it ended, it is kept.
"""

import threading
import time
from collections.abc import Callable, Generator, Hashable
from contextlib import closing
from dataclasses import asdict
from typing import Any

from primer.core.errors import PrimerError
from primer.serve.client import Counted, Dropped, Ended, Event, Notices, Piece, ServerAway, ToolUse

STOPPED, AWAY, FAILED = "stopped", "away", "failed"  # how an answer ends beside the server's own reasons


class Draft:
    """One answer while it is written."""

    def __init__(
        self, model: str, events: Callable[[], Generator[Event, None, None]], keep: Callable[["Draft"], object]
    ) -> None:
        """Begin. `events` asks the server. `keep` is called once with what the answer came to, if that is anything,
        in whichever thread ended it; it may raise PrimerError, which becomes `unsaved`."""
        self.model, self.events, self.keep = model, events, keep
        self.text = ""
        self.tools: list[ToolUse] = []
        self.findings: list[dict[str, Any]] = []
        self.num_dropped = self.num_tokens = 0
        self.ended = self.problem = self.unsaved = ""
        self.is_kept = False
        self.started, self.first_seconds, self.seconds = time.monotonic(), 0.0, 0.0
        self._lock = threading.Lock()
        self._over = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def is_over(self) -> bool:
        """Whether the answer has ended, and was kept if it could be."""
        return self._over.is_set()

    def wait(self, seconds: float) -> bool:
        """Until the answer is over, or this time has passed. Returns `is_over`."""
        return self._over.wait(seconds)

    def stop(self) -> None:
        """Keep what there is. The thread hangs up at the server's next word, which is a token away."""
        self._end(STOPPED)

    def details(self) -> dict[str, Any]:
        """What is known of the answer beside its words, as JSON."""
        known = {
            "ended": self.ended,
            "problem": self.problem,
            "tool_activity": [asdict(tool) for tool in self.tools],
            "safety": self.findings,
            "dropped_messages": self.num_dropped,
            "tokens": self.num_tokens,
            "first_seconds": round(self.first_seconds, 3),
            "seconds": round(self.seconds, 3),
        }
        return {name: value for name, value in known.items() if value}

    def _run(self) -> None:
        try:
            with closing(self.events()) as events:
                for event in events:
                    with self._lock:
                        if self.is_over:
                            return
                        self._push(event)
            self._end(self.ended)
        except ServerAway as error:
            self._end(AWAY, str(error))
        except PrimerError as error:
            self._end(FAILED, str(error))
        except Exception as error:
            self._end(FAILED, f"{type(error).__name__}: {error}")
            raise

    def _push(self, event: Event) -> None:
        self.seconds = time.monotonic() - self.started
        match event:
            case Piece(text):
                self.first_seconds = self.first_seconds or self.seconds
                self.num_tokens += 1  # about; the server's count comes last, if it counts
                self.text += text
            case ToolUse():
                self.tools.append(event)
            case Notices(findings):
                self.findings += findings
            case Dropped(count):
                self.num_dropped = count
            case Counted(count):
                self.num_tokens = count
            case Ended(reason):
                self.ended = reason

    def _end(self, ended: str, problem: str = "") -> None:
        with self._lock:
            if self.is_over:
                return
            self.ended, self.problem = ended, problem
            try:
                if self.text or self.tools:
                    self.keep(self)
                    self.is_kept = True
            except PrimerError as error:
                self.unsaved = str(error)
            finally:
                self._over.set()


class Desk:
    """The answers that are being written in this process, by what they belong to."""

    def __init__(self) -> None:
        self._drafts: dict[Hashable, Draft] = {}

    def put(self, place: Hashable, draft: Draft) -> None:
        """Remember an answer; one that was being written at this place is stopped."""
        self.clear(place)
        self._drafts[place] = draft

    def at(self, place: Hashable) -> Draft | None:
        """The answer at this place: one that is not over, or that was not kept (it failed, say) and would be lost."""
        draft = self._drafts.get(place)
        if draft is not None and draft.is_over and draft.is_kept:
            self._drafts.pop(place, None)
            return None
        return draft

    def clear(self, place: Hashable) -> None:
        """Stop what is written at this place, and forget it."""
        draft = self._drafts.pop(place, None)
        if draft is not None:
            draft.stop()
