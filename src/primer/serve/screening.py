"""The filters as the server uses them: what goes in, what comes out, and a record of what they found."""

import asyncio
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from primer.serve.metrics import Metrics
from primer.serve.safety import Direction, Finding, Safety, Shown, Verdict

NUM_RECENT = 100


class Record:
    """What the filters have found: how often, and the last of it. No one's words: whoever has a key may read it."""

    def __init__(self, safety: Safety, metrics: Metrics) -> None:
        self.safety, self.metrics = safety, metrics
        # Classifiers take their time, so they read in a thread: in one, for a model takes all cores as it is. None:
        # there are no classifiers, and patterns have read a piece of an answer before it would come to a thread.
        self.thread = ThreadPoolExecutor(1, "classifiers") if safety.classifiers else None
        self.totals: dict[str, Counter[str]] = {}
        self.recent: deque[dict[str, Any]] = deque(maxlen=NUM_RECENT)
        self.lock = threading.Lock()  # of these two

    def note(self, finding: Finding, model: str) -> None:
        """Count a finding."""
        self.metrics.verdict(finding.category, finding.action, finding.direction)
        entry = {"time": time.time(), "model": model, "direction": finding.direction, "category": finding.category}
        entry |= {"action": finding.action, "layer": finding.layer, "rule": finding.rule}
        with self.lock:
            self.totals.setdefault(finding.category, Counter())[finding.action] += 1
            self.recent.append(entry)

    def report(self) -> dict[str, Any]:
        """The policy, and what was found since the server began, the last first."""
        policy = self.safety.policy
        categories = {name: asdict(rule) for name, rule in policy.categories.items()}
        with self.lock:
            totals = {category: dict(counts) for category, counts in self.totals.items()}
            found = {"totals": totals, "recent": list(reversed(self.recent))}
        return {"policy": categories, "threshold": policy.threshold, **found}


@dataclass(frozen=True)
class Screened:
    """Texts that came in, after the filters."""

    texts: list[str]
    """Redacted where the policy asks for it."""
    findings: tuple[Finding, ...]
    """In those that are new."""
    refusal: str | None
    """What to say instead of asking a model."""


class Screen:
    """The filters around one question, or one answer."""

    def __init__(self, record: Record, model: str) -> None:
        self.record, self.model = record, model
        self.window = record.safety.window()

    def push(self, piece: str) -> Shown:
        """Take a piece of an answer, and give what may be shown of all so far."""
        return self._noted(self.window.push(piece))

    def finish(self) -> Shown:
        """The answer is complete: what was held back."""
        return self._noted(self.window.finish())

    def check(self, text: str, direction: Direction) -> Verdict:
        """Check a whole text."""
        verdict = self.record.safety.check(text, direction)
        for finding in verdict.findings:
            self.record.note(finding, self.model)
        return verdict

    def _noted(self, shown: Shown) -> Shown:
        for finding in shown.findings:
            self.record.note(finding, self.model)
        return shown

    async def screen(self, texts: Sequence[str], is_new: Sequence[bool]) -> Screened:
        """Check what came in, in a thread: a long conversation takes patterns a while, too.

        A client sends the whole conversation each time. Old turns are redacted like new ones, but blocked they were
        when they were new: once more would end the conversation for good.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.record.thread, self._screen, texts, is_new)

    def _screen(self, texts: Sequence[str], is_new: Sequence[bool]) -> Screened:
        checked: list[str] = []
        findings: list[Finding] = []
        refusal = None
        for text, new in zip(texts, is_new, strict=True):
            verdict = self.check(text, "input") if new else self.record.safety.check(text, "input")
            checked.append(verdict.text)
            findings += verdict.findings if new else ()
            if new and verdict.action == "block":
                refusal = refusal or verdict.message
        return Screened(checked, tuple(findings), refusal)
