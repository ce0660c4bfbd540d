"""Filters: what people ask, and what the model answers, against a policy.

Three readers go over a text, word by word: rules (`safety_rules.py`), personal data (`personal_data.py`) and, if
asked for, learned classifiers (`classifiers.py`). What they find, the policy allows, warns of, blocks or redacts. The
model's own trained refusals are one more layer, which nothing here knows of.

    safety = load_safety(None)
    safety.check("How do I make a bomb?", "input").action      # "block"
    safety.check("How do I make a bath bomb?", "input").action # "allow"

An answer that is streamed goes through an `OutputWindow`, which holds back the few words that may yet turn out to be
the beginning of something.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from primer.core.errors import ConfigError, suggest
from primer.serve.classifiers import Classifier, ClassifierReader, load_classifiers
from primer.serve.personal_data import PersonalReader
from primer.serve.safety_rules import Match, RuleReader, built_in_rules
from primer.serve.safety_text import Atom, AtomReader

Action = Literal["allow", "warn", "block", "redact"]
Direction = Literal["input", "output"]
STRICTNESS: tuple[Action, ...] = ("allow", "warn", "redact", "block")
# Characters that a classifier reads at once: a whole question, but of an answer no more than may be held back.
STRETCH: dict[Direction, int] = {"input": 2000, "output": 160}
# The order is that of the messages: where several categories block a text, the first one speaks.
CATEGORIES = (
    "self_harm", "sexual_minors", "violence_weapons", "sexual", "hate_harassment", "crime_dangerous",
    "private_data", "prompt_injection",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """Something in a text that the policy does not simply allow."""

    category: str
    action: Action
    message: str
    layer: str
    """"rules", "personal data", or the classifier's name."""
    rule: str
    direction: Direction

    def to_json(self) -> dict[str, str]:
        """As the server's answers have it."""
        return asdict(self)


@dataclass(frozen=True)
class Verdict:
    """What becomes of a text."""

    action: Action
    """The strictest of the findings'."""
    text: str
    """Redacted where the policy asks for it. Of a blocked text, too: look at `action` first."""
    findings: tuple[Finding, ...]
    message: str
    """What to tell the person, if it is blocked."""


@dataclass(frozen=True)
class Shown:
    """What may be shown now of an answer that is being written."""

    text: str
    findings: tuple[Finding, ...] = ()
    blocked: bool = False
    """Nothing more will be shown."""
    message: str = ""
    """What to tell the person, if it is blocked."""


# --- the policy ---


@dataclass(frozen=True)
class CategoryPolicy:
    """What to do with one category."""

    action: Action
    message: str
    directions: tuple[Direction, ...] = ("input", "output")


@dataclass(frozen=True)
class Policy:
    """What to do with all of them, and how to read classifiers."""

    categories: Mapping[str, CategoryPolicy]
    threshold: float = 0.9
    labels: Mapping[str, str] = field(default_factory=dict)

    def action(self, category: str, direction: Direction) -> Action:
        """What to do with a category in what comes in, or in what goes out."""
        rule = self.categories[category]
        return rule.action if direction in rule.directions else "allow"

    def watched(self, direction: Direction) -> frozenset[str]:
        """The categories that are not simply allowed."""
        return frozenset(name for name in self.categories if self.action(name, direction) != "allow")


def policy_text() -> str:
    """The policy file that comes with the package."""
    return files("primer.serve").joinpath("safety_data/policy.toml").read_text(encoding="utf-8")


def load_policy(path: Path | None) -> Policy:
    """The package's policy, and on top of it a person's. Raises ConfigError for what neither knows."""
    rows = tomllib.loads(policy_text())
    if path is not None:
        rows = laid_over(rows, read_toml(path), path)
    classifiers = rows.pop("classifiers")
    categories = {name: read_category(name, rows[name], path) for name in CATEGORIES}
    threshold, labels = classifiers["threshold"], classifiers["labels"]
    if not isinstance(threshold, int | float) or not 0 < threshold <= 1:
        raise ConfigError(f"{path}: threshold must be a probability, above 0 and up to 1, not {threshold!r}.")
    for label, category in labels.items():
        if category and category not in CATEGORIES:
            raise ConfigError(
                f"{path}: label {label!r}: there is no category {category!r}; {suggest(category, CATEGORIES)}"
            )
    return Policy(categories, threshold, labels)


def read_toml(path: Path) -> dict[str, Any]:
    """A person's policy file as it is. Raises ConfigError if it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"cannot read the policy {path}: {error.strerror}. `primer safety policy` prints one."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} is no TOML file: {error}. `primer safety policy` prints a policy to begin with."
        ) from error


def laid_over(rows: dict[str, Any], given: Mapping[str, Any], path: Path, inside: str = "") -> dict[str, Any]:
    """The rows with what is given in their place. Only labels may be new."""
    for key, value in given.items():
        if key not in rows and inside != "labels":
            where = f" in [{inside}]" if inside else ""
            raise ConfigError(f"{path}: there is no {key!r}{where}; {suggest(key, rows)}")
        if isinstance(rows.get(key), dict) != isinstance(value, dict):
            raise ConfigError(f"{path}: {key} = {value!r} cannot be; `primer safety policy` shows how it is written.")
        rows[key] = laid_over(rows[key], value, path, key) if isinstance(value, dict) else value
    return rows


def read_category(name: str, row: Mapping[str, Any], path: Path | None) -> CategoryPolicy:
    """One category of a policy file. Raises ConfigError for an action or a direction that there is not."""
    action, directions, message = row["action"], row["directions"], row["message"]
    if not isinstance(directions, list) or not isinstance(message, str):
        raise ConfigError(f"{path}: [{name}] needs directions as a list and its message as text.")
    for kind, known, words in (("action", Action, [action]), ("direction", Direction, directions)):
        for word in words:
            if word not in get_args(known):
                raise ConfigError(
                    f"{path}: [{name}] there is no {kind} {word!r}; {suggest(str(word), get_args(known))}"
                )
    return CategoryPolicy(action, message.strip(), tuple(directions))


# --- reading a text ---


class Reader(Protocol):
    """Atoms in, matches out, each as soon as it is certain."""

    def read(self, atom: Atom) -> list[Match]: ...
    def finish(self) -> list[Match]: ...
    @property
    def open_from(self) -> int | None:
        """Where something begins that is not decided yet."""


class Scan:
    """One text on its way through the readers, in one piece or in many."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self.atoms = AtomReader()
        self.readers = readers

    def read(self, piece: str) -> list[Match]:
        """What has become certain."""
        return self.take(self.atoms.read(piece))

    def finish(self) -> list[Match]:
        """The rest."""
        return [*self.take(self.atoms.finish()), *(match for reader in self.readers for match in reader.finish())]

    def take(self, atoms: Iterable[Atom]) -> list[Match]:
        """One atom after the other through every reader: the order of matches is one of the text, not of its pieces."""
        return [match for atom in atoms for reader in self.readers for match in reader.read(atom)]

    @property
    def open_from(self) -> int:
        """Everything before this character is decided."""
        opens = [reader.open_from for reader in self.readers]
        return min([self.atoms.start, *(start for start in opens if start is not None)])


class Safety:
    """A policy and the readers that look for what it names."""

    def __init__(self, policy: Policy, classifiers: Sequence[Classifier] = ()) -> None:
        self.policy = policy
        self.classifiers = tuple(classifiers)
        self.rules = {direction: built_in_rules(policy.watched(direction)) for direction in STRETCH}

    def scan(self, direction: Direction) -> Scan:
        """For one text."""
        most = STRETCH[direction]
        learned = [ClassifierReader(one, self.policy.threshold, most) for one in self.classifiers]
        return Scan([RuleReader(self.rules[direction]), PersonalReader(), *learned])

    def check(self, text: str, direction: Direction) -> Verdict:
        """What becomes of a whole text."""
        scan = self.scan(direction)
        matches = [match for match in [*scan.read(text), *scan.finish()] if self.finding(match, direction)]
        findings = tuple(dict.fromkeys(self.finding(match, direction) for match in matches))
        known = tuple(finding for finding in findings if finding)
        actions: list[Action] = ["allow", *(finding.action for finding in known)]
        action = max(actions, key=STRICTNESS.index)
        redacted = redact(text, self.to_redact(matches, direction))
        return Verdict(action, redacted, known, blocking_message(known))

    def finding(self, match: Match, direction: Direction) -> Finding | None:
        """What the policy makes of a match; None if it allows it."""
        action = self.policy.action(match.category, direction)
        if action == "allow":
            return None
        message = self.policy.categories[match.category].message
        return Finding(match.category, action, message, match.layer, match.rule, direction)

    def to_redact(self, matches: Iterable[Match], direction: Direction) -> list[Match]:
        """Those that the policy redacts."""
        return [match for match in matches if self.policy.action(match.category, direction) == "redact"]

    def window(self) -> "OutputWindow":
        """For one streamed answer."""
        return OutputWindow(self)


def blocking_message(findings: Sequence[Finding]) -> str:
    """What to say of a blocked text: one message, of the category that comes first."""
    blocking = [finding for finding in findings if finding.action == "block"]
    return min(blocking, key=lambda finding: CATEGORIES.index(finding.category)).message if blocking else ""


def redact(text: str, matches: Iterable[Match], start: int = 0) -> str:
    """The text, which begins at character `start` of the whole, with labels in place of the matches."""
    pieces, done = [], start
    for match in sorted(matches, key=lambda match: (match.start, -match.end)):
        if match.start >= done:
            pieces += [text[done - start : match.start - start], match.label]
        done = max(done, match.end)
    return "".join([*pieces, text[done - start :]])


# --- answers as they are written ---


class OutputWindow:
    """Lets an answer through as it is written, but for the end that may be the beginning of something.

    What is shown in all is the same however the answer is cut into pieces. Nothing of what is blocked is shown.
    """

    def __init__(self, safety: Safety) -> None:
        self.safety = safety
        self.scan = safety.scan("output")
        self.held = ""
        self.start = 0  # of `held`, in the whole answer
        self.redactions: list[Match] = []  # in `held`
        self.found: set[Finding] = set()
        self.blocked = False

    def push(self, piece: str) -> Shown:
        """Take a piece, and give what may be shown of all so far."""
        if self.blocked:
            return Shown("", blocked=True)
        self.held += piece
        matches = self.scan.read(piece)
        return self.show(matches, self.scan.open_from)

    def finish(self) -> Shown:
        """The answer is complete: what was still held back."""
        if self.blocked:
            return Shown("", blocked=True)
        return self.show(self.scan.finish(), self.start + len(self.held))

    def show(self, matches: Iterable[Match], until: int) -> Shown:
        """What stands before character `until`, or before what is blocked."""
        findings: list[Finding] = []
        for match in matches:
            finding = self.safety.finding(match, "output")
            if finding is None:
                continue
            if finding not in self.found:
                self.found.add(finding)
                findings.append(finding)
            if finding.action == "block":
                self.blocked = True
                return Shown(self.release(match.start), tuple(findings), True, finding.message)
            if finding.action == "redact":
                self.redactions.append(match)
        return Shown(self.release(until), tuple(findings))

    def release(self, until: int) -> str:
        """Hand out what stands before `until`, redacted; what is redacted goes as a whole."""
        for match in sorted(self.redactions, key=lambda match: -match.start):
            if match.start < until < match.end:
                until = match.start
        due = [match for match in self.redactions if match.end <= until]
        text = redact(self.held[: max(0, until - self.start)], due, self.start)
        self.redactions = [match for match in self.redactions if match.end > until]
        self.held = self.held[max(0, until - self.start) :]
        self.start = max(until, self.start)
        return text


def load_safety(policy: Path | None, classifiers: str = "") -> Safety:
    """Filters with a policy of one's own, or the package's, and the classifiers that are named.

    `classifiers`: comma-separated; "profanity", or a Hugging Face model's name or folder. Raises UserError for a
    policy or a model that cannot be used.
    """
    loaded = load_policy(policy)
    return Safety(loaded, load_classifiers(classifiers, loaded.labels))
