"""`primer eval`: bits per byte, CORE and tasks of a trained model, as a table and as JSON (`results.py`).

Under torchrun every rank asks its share.
"""

import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from primer.core.config import check_options, to_json
from primer.core.errors import ConfigError, Interrupted
from primer.core.rundir import RunDir, find_run
from primer.core.runtime import Runtime, RuntimeConfig, start_runtime
from primer.core.workers import Tell
from primer.engine.dialogue import Dialogue, chat_engine
from primer.engine.engine import Engine
from primer.engine.sample import load_to_generate, load_tokenizer
from primer.engine.sampling import SamplingConfig
from primer.engine.sandbox import output_of
from primer.engine.tools import named_tools
from primer.evaluate.answers import score_questions
from primer.evaluate.bytes import has_shards, measure_bytes
from primer.evaluate.choice import score_choices
from primer.evaluate.core import evaluate_core
from primer.evaluate.origin import typed_command
from primer.evaluate.results import BYTES, Results, measured_before, write_results
from primer.evaluate.tables import progress_bar, table
from primer.model.gpt import GPT, GPTConfig
from primer.model.weights import find_weights
from primer.tasks.core import Core
from primer.tasks.registry import all_tasks, find_task
from primer.tasks.task import Choice, Question, Task
from primer.text.chat import ChatFormat
from primer.text.tokenizer import Tokenizer

NOT_ASKED = ("run", "tasks", "step", "resume", "batch", "runtime")  # options that change nothing of what is asked
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
    resume: bool = False
    """Pass over the tasks of which these weights were asked the same before."""
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
        tools, processes = named_tools(self.config.tools), self.runtime.processes
        return Dialogue(engine, self.chat, tools, self.config.max_calls, processes=processes)


def num_slots(config: GPTConfig) -> int:
    """Answers that are written at once: the more, the fewer passes, as long as their keys and values have room."""
    numbers = 2 * config.num_layers * config.num_kv_heads * config.head_dim * config.context
    return min(256, max(64, CACHE_BYTES // (4 * numbers)))


def main(config: EvalConfig) -> None:
    """Run the command. Raises UserError for a run or a task that cannot be used, Interrupted on Ctrl-C."""
    with start_runtime(config.runtime) as runtime:
        try:
            results = evaluate(config, runtime, note if runtime.is_main else None)
        except KeyboardInterrupt as error:
            again = typed_command() + " --resume" * (not config.resume)
            raise Interrupted(f"stopped; the tasks that were done are kept. Go on with: {again}") from error
        if runtime.is_main:
            show(results)


def evaluate(config: EvalConfig, runtime: Runtime, tell: Callable[[str], None] | None = None) -> Results:
    """Measure everything asked for; the first rank writes it into the run. All questions are read before the first is
    asked, so that a misspelt name or a broken row costs nothing."""
    run = find_run(config.run)
    subject = Subject(run, find_weights(run.path, config.step), config, runtime)
    names = split_names(config.tasks) or default_names(subject)
    papers = {name: prepare(name, config.limit) for name in names if not is_bytes(name)}
    before = measured_before(run, subject.weights) if config.resume else {}
    results = Results()
    if tell:
        tell(f"{subject.weights} · {runtime.describe()}")
    for name in names:
        label, asked = label_of(name, papers, results), what_is_asked(name, papers, config)
        if before.get(label, {}).get("asked") == asked:
            results.keep(label, before[label])
            if tell:
                tell(f"{name}: measured before")
            continue
        with progress_bar(name, runtime.is_main) as progress:
            if is_bytes(name):
                text = name.partition(":")[2]
                results.validation = measure_bytes(text, run, subject.weights, subject.tokenizer, runtime)
            else:
                ask(papers[name], label, subject, results, progress)
        results.asked[label] = asked
        if runtime.is_main:
            write_results(run, subject.weights, results)
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
    task = find_task(name, output_of)
    items = [] if isinstance(task, Core) else task.questions("test", limit)
    questions = [item for item in items if isinstance(item, Question)]
    return Paper(name, task, questions, [item for item in items if isinstance(item, Choice)])


def label_of(name: str, papers: dict[str, Paper], results: Results) -> str:
    """What the results of a task stand under."""
    if is_bytes(name):
        return BYTES
    task = papers[name].task.name
    return name if task in results.scores else task  # a second custom file, say


def what_is_asked(name: str, papers: dict[str, Paper], config: EvalConfig) -> dict[str, Any]:
    """What the results of a task depend on, beside the weights."""
    paper = papers.get(name)
    questions = [(question.prompt, question.answer) for question in paper.questions] if paper else []
    text = repr((questions, paper.choices if paper else ()))
    options = {option: value for option, value in to_json(config).items() if option not in NOT_ASKED}
    return {"name": name, "questions_sha256": hashlib.sha256(text.encode()).hexdigest(), "options": options}


def ask(paper: Paper, label: str, subject: Subject, results: Results, progress: Tell) -> None:
    """Measure one task."""
    config, runtime = subject.config, subject.runtime
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
