"""`primer safety check | eval | policy`: what the filters make of a text, how good they are, what they are told."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from primer.core.errors import ConfigError, UserError
from primer.serve.safety import CATEGORIES, Direction, Safety, load_safety, policy_text

if TYPE_CHECKING:
    from rich.table import Table

REPEATS = 3  # the best of so many is a message's cost: what else runs on the machine is not
AIM_MS = 2.0  # that 99 % of the messages are to cost at most, without learned classifiers


@dataclass(frozen=True, kw_only=True)
class FilterConfig:
    """Which filters."""

    policy: Path | None = None
    """File of the safety policy; without it the one that comes with Primer."""
    classifiers: str = ""
    """Learned classifiers beside the policy's patterns, parted by commas: `profanity`, or models of Hugging Face by
    name or folder."""


@dataclass(frozen=True, kw_only=True)
class CheckConfig(FilterConfig):
    """Show what the filters make of a text."""

    text: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="TEXT")]
    """What a person asks, or, with --direction output, what a model answers."""
    direction: Direction = "input"
    """Which way it goes."""


@dataclass(frozen=True, kw_only=True)
class EvalConfig(FilterConfig):
    """Measure recall, false alarms and cost on texts that are known to be unsafe or safe."""

    data: Path | None = None
    """A .jsonl file of rows {"text": …, "category": …, "unsafe": true}; without it the two sets of Primer."""


@dataclass(frozen=True, kw_only=True)
class PolicyConfig:
    """Print the policy that comes with Primer, to edit a copy of it."""


@dataclass(frozen=True)
class Example:
    """A text and what it is."""

    text: str
    category: str
    unsafe: bool
    """If not: a text that looks like that category and is harmless."""


@dataclass(frozen=True)
class Outcome:
    """What the filters made of an example."""

    example: Example
    stopped: bool
    """Anything was found that the policy does not allow, of whatever category."""
    milliseconds: float


def check_command(config: CheckConfig) -> None:
    """Print the verdict."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    verdict = load_safety(config.policy, config.classifiers).check(config.text, config.direction)
    console.print(verdict.action, style="bold")
    for one in verdict.findings:
        console.print(f"{one.action:<7} {one.category}: {one.rule} ({one.layer})", markup=False)
    if verdict.action == "redact":
        console.print(verdict.text, markup=False)
    if verdict.message:
        console.print(f"\n{verdict.message}", markup=False)


def eval_command(config: EvalConfig) -> None:
    """Print a table for each set of examples, and a line of JSON for programs."""
    from rich.console import Console

    safety, console = load_safety(config.policy, config.classifiers), Console()
    sets = {"dev": read_built_in("dev"), "heldout": read_built_in("heldout")}
    if config.data is not None:
        sets = {config.data.name: read_examples(config.data)}
    safety.check("Warm up: 4111 1111 1111 1111", "input")  # what is loaded once is no message's cost
    for name, examples in sets.items():
        outcomes = measure(safety, examples)
        console.print(outcome_table(name, outcomes))
        print(json.dumps({"data": name, **summary(outcomes)}))


def policy_command(_: PolicyConfig) -> None:
    """Print the file."""
    print(policy_text(), end="")


def read_built_in(name: str) -> list[Example]:
    """One of the sets that come with the package."""
    return parse_examples(files("primer.serve").joinpath(f"safety_data/{name}.jsonl").read_text(encoding="utf-8"), name)


def read_examples(path: Path) -> list[Example]:
    """A person's own. Raises UserError if it cannot be read."""
    try:
        return parse_examples(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}. Give a .jsonl file of texts.") from error


def parse_examples(lines: str, name: str) -> list[Example]:
    """One example a line. Raises ConfigError for a line that is none."""
    examples = []
    for number, line in enumerate(filter(str.strip, lines.splitlines()), 1):
        try:
            row = json.loads(line)
            example = Example(row["text"], row["category"], row["unsafe"])
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f'{name}, row {number}: each needs "text", "category" and "unsafe" ({error!r}).'
            ) from error
        if example.category not in CATEGORIES or not isinstance(example.text, str):
            raise ConfigError(
                f"{name}, row {number}: category must be one of {', '.join(CATEGORIES)}, and text a text."
            )
        examples.append(example)
    if not examples:
        raise ConfigError(f"{name} is empty. Give a .jsonl file of texts.")
    return examples


def measure(safety: Safety, examples: Sequence[Example]) -> list[Outcome]:
    """Check them all as questions."""
    outcomes = []
    for example in examples:
        times = []
        for _ in range(REPEATS):
            began = perf_counter()
            action = safety.check(example.text, "input").action
            times.append(1000 * (perf_counter() - began))
        outcomes.append(Outcome(example, action != "allow", min(times)))
    return outcomes


def outcome_table(name: str, outcomes: Sequence[Outcome]) -> "Table":
    """Recall and false alarms, category by category."""
    from rich.table import Table

    numbers = summary(outcomes)
    cost = f"{numbers['median_ms']:.2f} ms a message (median), {numbers['p99_ms']:.2f} ms (99 %)"
    aim = f"99 % of the messages are to cost {AIM_MS:g} ms at most: they {'do' if numbers['aim_met'] else 'do not'}"
    table = Table("category", title=f"{name}: {cost}", caption=aim)
    table.add_column("unsafe, stopped", justify="right")
    table.add_column("safe, stopped", justify="right")
    for category in CATEGORIES:
        row = [fraction(outcomes, unsafe, category) for unsafe in (True, False)]
        table.add_row(category, *row)
    table.add_section()
    table.add_row("all", fraction(outcomes, True), fraction(outcomes, False))
    return table


def fraction(outcomes: Sequence[Outcome], unsafe: bool, category: str | None = None) -> str:
    """Such as "24 of 26"."""
    chosen = [one for one in outcomes if one.example.unsafe == unsafe and category in (None, one.example.category)]
    return f"{sum(one.stopped for one in chosen)} of {len(chosen)}" if chosen else "–"


def summary(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Recall, false alarms and cost over all categories."""
    unsafe = [one.stopped for one in outcomes if one.example.unsafe]
    safe = [one.stopped for one in outcomes if not one.example.unsafe]
    times = [one.milliseconds for one in outcomes]
    p99_ms = quantiles([*times, times[-1]], n=100)[98]
    return {
        "recall": round(sum(unsafe) / max(1, len(unsafe)), 3),
        "false_alarms": round(sum(safe) / max(1, len(safe)), 3),
        "median_ms": round(median(times), 3),
        "p99_ms": round(p99_ms, 3),
        "aim_met": p99_ms <= AIM_MS,
    }


COMMANDS: dict[str, tuple[type[Any], Callable[[Any], None]]] = {
    "check": (CheckConfig, check_command),
    "eval": (EvalConfig, eval_command),
    "policy": (PolicyConfig, policy_command),
}
