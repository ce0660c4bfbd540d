"""`primer eval`: bits per byte, CORE and tasks of a trained model, as a table and as JSON.

Under torchrun every rank asks its share. What was measured before on the same weights stays in the file:

    runs/demo/evaluation/step_000500.json               scores by task and group, intervals, what went wrong
                         step_000500.transcripts.jsonl  every question, answer and verdict (of the first rank)
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from primer.core.config import check_options
from primer.core.errors import ConfigError
from primer.core.files import read_json, sha256, write_json, write_text
from primer.core.rundir import RunDir, find_run
from primer.core.runtime import Runtime, RuntimeConfig, machine, start_runtime
from primer.engine.dialogue import Dialogue, chat_engine
from primer.engine.engine import Engine
from primer.engine.sample import load_to_generate, load_tokenizer
from primer.engine.sampling import SamplingConfig
from primer.engine.sandbox import run_python
from primer.engine.tools import named_tools
from primer.evaluate.answers import Transcript, score_questions
from primer.evaluate.bytes import has_shards, measure_bytes
from primer.evaluate.choice import score_choices
from primer.evaluate.core import CoreResult, evaluate_core
from primer.evaluate.loss import Validation
from primer.evaluate.score import Progress, Score, total
from primer.evaluate.tables import progress_bar, table
from primer.model.gpt import GPT, GPTConfig
from primer.model.weights import WEIGHTS_FILE, find_weights
from primer.tasks.core import Core
from primer.tasks.registry import all_tasks, find_task
from primer.tasks.task import Choice, Question, Task
from primer.text.chat import ChatFormat
from primer.text.tokenizer import Tokenizer

BYTES = "bpb"
CACHE_BYTES = 2**28  # of all answers that are written side by side


@dataclass(frozen=True)
class EvalConfig:
    """Measure a trained model: bits per byte, CORE, tasks, the curriculum lesson by lesson."""

    run: Path | None = None
    """Folder of the run; None: the newest under runs/."""
    tasks: str = ""
    """What to measure, with commas between: bpb, bpb:SHARDS, bpb:TEXT, core:FOLDER, curriculum,
    curriculum:LESSON+LESSON, custom:FILE, gym:GENERATOR, and the others that an unknown name lists, each with its own
    data after a colon, or of the hub. Empty: the curriculum, and bits per byte where the run has its text."""
    step: int | None = None
    """Step of the checkpoint; None: the best on the validation text, or the newest if none was evaluated."""
    limit: int = 0
    """Questions of a task at most (CORE: of each of its tasks); 0: all, and 200 of each lesson."""
    samples: int = 1
    """Answers to each question; above 1 the chance that one of k is right is reported, too (pass@k)."""
    choices_as_chat: bool = False
    """Ask multiple choice in a user's turn, the options as the assistant's; not as plain text."""
    tools: str = "calculator"
    """Tools that the model may call: calculator, python, or none."""
    max_calls: int = 8
    """Tool calls in an answer at most."""
    batch: int | None = None
    """Answers written side by side; None: 256, or fewer where their caches take more than 256 MB, but 64 at least."""
    sampling: SamplingConfig = field(default_factory=lambda: SamplingConfig(temperature=0, max_tokens=256))
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)

    def __post_init__(self) -> None:
        check_options(
            self,
            limit=(self.limit >= 0, "0 (all) or more"),
            samples=(self.samples >= 1, "1 or more"),
            max_calls=(self.max_calls >= 0, "0 or more"),
            batch=(self.batch is None or self.batch >= 1, "1 or more"),
        )
        if self.samples > 1 and self.sampling.temperature == 0:
            raise ConfigError(
                f"{self.samples} samples at temperature 0 are all the same. Give --temperature 0.8 or so."
            )


@dataclass
class Results:
    """What was measured of one checkpoint."""

    scores: dict[str, list[Score]] = field(default_factory=dict)
    """Task to its groups."""
    transcripts: dict[str, list[Transcript]] = field(default_factory=dict)
    core: CoreResult | None = None
    validation: Validation | None = None

    def to_json(self) -> dict[str, Any]:
        """Task to what was found of it."""
        tasks: dict[str, Any] = {}
        for name, scores in self.scores.items():
            accuracies = [score.accuracy for score in scores]
            tasks[name] = {
                **total(scores, name).to_json(),
                "mean_of_groups": sum(accuracies) / max(1, len(accuracies)),
                "groups": {score.group: score.to_json() for score in scores},
            }
        if self.core:
            tasks["core"] |= {"core": self.core.core, "centred": self.core.centred, "missing": self.core.missing}
        if self.validation:
            tasks[BYTES] = {"bits_per_byte": self.validation.bits_per_byte, "loss": self.validation.loss,
                            "num_targets": self.validation.num_targets}  # fmt: skip
        return tasks


@dataclass
class Subject:
    """A checkpoint to be measured. The model is loaded when something is to be asked of it."""

    run: RunDir
    weights: Path
    config: EvalConfig
    runtime: Runtime

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The run's."""
        return load_tokenizer(self.run)

    @cached_property
    def model(self) -> GPT:
        """Loaded when it is first needed."""
        return load_to_generate(self.weights, self.tokenizer, self.runtime)

    @cached_property
    def engine(self) -> Engine:
        """What says how likely a text is."""
        return Engine(self.model, self.tokenizer.vocab_size)

    @cached_property
    def chat(self) -> ChatFormat:
        """Raises TokenizerError if the model has no tokens for turns."""
        return ChatFormat(self.tokenizer)

    @cached_property
    def dialogue(self) -> Dialogue:
        """The model as an assistant."""
        engine = chat_engine(self.model, self.chat, self.config.batch or num_slots(self.model.config))
        return Dialogue(engine, self.chat, named_tools(self.config.tools), self.config.max_calls)


def num_slots(config: GPTConfig) -> int:
    """Answers that are written at once: the more, the fewer passes, as long as their keys and values have room."""
    numbers = 2 * config.num_layers * config.num_kv_heads * config.head_dim * config.context
    return min(256, max(64, CACHE_BYTES // (4 * numbers)))


def main(config: EvalConfig) -> None:
    """Run the command. Raises UserError for a run or a task that cannot be used."""
    with start_runtime(config.runtime) as runtime:
        results = evaluate(config, runtime, note if runtime.is_main else None)
        if runtime.is_main:
            show(results)


def evaluate(config: EvalConfig, runtime: Runtime, tell: Callable[[str], None] | None = None) -> Results:
    """Measure everything asked for; the first rank writes it into the run. All questions are read before the first is
    asked, so that a misspelt name or a broken row costs nothing."""
    run = find_run(config.run)
    subject = Subject(run, find_weights(run.path, config.step), config, runtime)
    names = split_names(config.tasks) or default_names(subject)
    papers = {name: prepare(name, config.limit) for name in names if not is_bytes(name)}
    results = Results()
    if tell:
        tell(f"{subject.weights} · {runtime.describe()}")
    for name in names:
        with progress_bar(name, runtime.is_main and sys.stderr.isatty()) as progress:
            if is_bytes(name):
                text = name.partition(":")[2]
                results.validation = measure_bytes(text, run, subject.weights, subject.tokenizer, runtime)
            else:
                ask(papers[name], subject, results, progress)
        if runtime.is_main:
            write_results(subject, results)
    return results


@dataclass(frozen=True)
class Paper:
    """A task, ready to be asked."""

    name: str
    task: Task
    questions: Sequence[Question]
    choices: Sequence[Choice]


def prepare(name: str, limit: int) -> Paper:
    """Open a task and read its questions. CORE's are read when they are asked: with their examples they are 60 MB."""
    task = find_task(name, lambda code: run_python(code).output)
    items = [] if isinstance(task, Core) else task.questions("test", limit)
    questions = [item for item in items if isinstance(item, Question)]
    return Paper(name, task, questions, [item for item in items if isinstance(item, Choice)])


def ask(paper: Paper, subject: Subject, results: Results, progress: Progress) -> None:
    """Measure one task."""
    config, runtime = subject.config, subject.runtime
    label = paper.name if paper.task.name in results.scores else paper.task.name  # a second custom file, say
    if isinstance(paper.task, Core):
        results.core = evaluate_core(subject.engine, subject.tokenizer, paper.task, runtime, config.limit, progress)
        results.scores[label] = results.core.scores
    elif paper.choices:
        chat = subject.chat if config.choices_as_chat else None
        results.scores[label] = score_choices(
            subject.engine, subject.tokenizer, paper.choices, label, chat, runtime, progress=progress
        )
    else:
        results.scores[label], results.transcripts[label] = score_questions(
            subject.dialogue, paper.questions, config.sampling, label, config.samples, runtime, progress
        )


def split_names(text: str) -> list[str]:
    """The tasks of a list. A lesson after a comma belongs to the curriculum before it.

    >>> split_names("curriculum:spelling,recall, gsm8k:a/b")
    ['curriculum:spelling+recall', 'gsm8k:a/b']

    Raises ConfigError for a name twice.
    """
    names: list[str] = []
    for name in filter(None, map(str.strip, text.split(","))):
        if names and names[-1].startswith("curriculum:") and name.partition(":")[0] not in (*all_tasks(), BYTES):
            names[-1] += f"+{name}"
        elif name in names:
            raise ConfigError(f"--tasks names {name} twice.")
        else:
            names.append(name)
    return names


def default_names(subject: Subject) -> list[str]:
    """Bits per byte where the run has its own shards, and the curriculum."""
    return ([BYTES] if has_shards(subject.run.data) else []) + ["curriculum"]


def is_bytes(name: str) -> bool:
    """Whether a name means bits per byte."""
    return name.partition(":")[0] == BYTES


def write_results(subject: Subject, results: Results) -> Path:
    """Write what was found so far, beside what was found before of the same weights."""
    folder, name = subject.run.path / "evaluation", subject.weights.name
    path, spoken = folder / f"{name}.json", folder / f"{name}.transcripts.jsonl"
    weights = sha256(subject.weights / WEIGHTS_FILE)
    before = read_json(path) if path.is_file() else {}
    is_same = before.get("weights_sha256") == weights
    write_json(path, {
        "run": subject.run.path.name, "step": int(name.removeprefix("step_")), "weights_sha256": weights,
        "command": " ".join(sys.argv), "machine": machine(),
        "tasks": (before["tasks"] if is_same else {}) | results.to_json(),
    })  # fmt: skip
    kept = spoken.read_text(encoding="utf-8").split("\n") if is_same and spoken.is_file() else []
    lines = [line for line in kept if line and json.loads(line)["task"] not in results.scores]
    lines += [
        json.dumps({"task": task, **transcript.to_json()}, ensure_ascii=False)
        for task, transcripts in results.transcripts.items()
        for transcript in transcripts
    ]
    write_text(spoken, "".join(f"{line}\n" for line in lines))
    return path


def show(results: Results) -> None:
    """Print what was found."""
    from rich.console import Console

    console = Console()
    if results.validation:
        console.print(f"bits per byte {results.validation.bits_per_byte:.4f}, loss {results.validation.loss:.4f}")
    for name, scores in results.scores.items():
        console.print(table(name, scores, results.core.centred if results.core and name == "core" else {}))
    if results.core:
        absent = f" ({len(results.core.missing)} absent: {', '.join(results.core.missing)})" * bool(
            results.core.missing
        )
        console.print(f"CORE {results.core.core:.4f} over {len(results.core.scores)} tasks{absent}")


def note(text: str) -> None:
    """A line for the person, beside the tables."""
    print(text, file=sys.stderr, flush=True)
