"""`primer sample`: a trained model continues a text, in the terminal, as the tokens come."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from primer.core.errors import Interrupted, TokenizerError, UserError
from primer.core.rundir import RunDir, find_run
from primer.core.runtime import Runtime, RuntimeConfig, start_runtime
from primer.engine.engine import Engine
from primer.engine.sampling import SamplingConfig
from primer.model.gpt import GPT
from primer.model.prepared import Weights, announce_compiling, prepare_to_generate
from primer.model.weights import find_weights, load_model
from primer.text.tokenizer import StreamDecoder, Tokenizer


@dataclass(frozen=True)
class SampleConfig:
    """Let a trained model continue a text."""

    run: Path | None = None
    """Folder of the run; None: the newest under runs/."""
    prompt: str = ""
    """The text to continue; - reads it from standard input. Empty: the model begins a document of its own."""
    num_samples: int = 1
    """How many texts. They are written side by side, and shown one after another."""
    step: int | None = None
    """Step of the checkpoint; None: the best on the validation text, or the newest if none was evaluated."""
    new_document: bool = False
    """Put the document token before the prompt: the prompt is how a document begins, not a piece from its midst."""
    weights: Weights = "auto"
    """What the weights are stored as: auto is the dtype of the computation; int8 is a quarter of float32's bytes to
    read, and on a CPU writes about twice as many tokens a second."""
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main(config: SampleConfig) -> None:
    """Run the command. Texts go to standard output, everything about them to standard error.

    Raises UserError for a run, checkpoint, tokenizer or prompt that cannot be used, Interrupted on Ctrl-C.
    """
    if config.num_samples < 1:
        raise UserError(f"--num-samples is {config.num_samples}, and must be 1 or more.")
    run = find_run(config.run)
    checkpoint = find_weights(run.path, config.step)
    tokenizer = load_tokenizer(run)
    prompt = read_prompt(config.prompt)
    ids = tokenizer.encode(prompt) if prompt else []
    if config.new_document or not ids:
        ids = [tokenizer.document_id, *ids]
    with start_runtime(config.runtime) as runtime:
        engine = build_engine(checkpoint, tokenizer, runtime, config.weights)
        note(f"{checkpoint} · {runtime.describe()}")
        if len(ids) > engine.context:
            note(f"the prompt has {len(ids):,} tokens and the model sees {engine.context:,}: it reads the last ones.")
        try:
            show_samples(engine, tokenizer, ids, prompt, config)
        except KeyboardInterrupt as error:
            print(flush=True)
            raise Interrupted("stopped.") from error


def load_tokenizer(run: RunDir) -> Tokenizer:
    """The run's tokenizer. Raises TokenizerError if it is missing, or not the one that the run began with."""
    tokenizer = Tokenizer.load(run.path)
    expected = run.read_config().get("tokenizer_fingerprint", tokenizer.fingerprint)
    if tokenizer.fingerprint != expected:
        raise TokenizerError(
            f"{run.path}/tokenizer.json is not the tokenizer that the model was trained with. Restore that one."
        )
    return tokenizer


def load_to_generate(folder: Path, tokenizer: Tokenizer, runtime: Runtime, weights: Weights = "auto") -> GPT:
    """The model of a checkpoint's folder, that is only to generate; `weights` as in `prepare_to_generate`.

    Raises CheckpointError for damaged weights, TokenizerError for a tokenizer larger than the model's vocabulary,
    ConfigError for weights that this machine cannot store.
    """
    model = load_model(folder, runtime.device)
    if tokenizer.vocab_size > model.config.vocab_size:
        raise TokenizerError(
            f"the tokenizer has {tokenizer.vocab_size} tokens and the model in {folder} only "
            f"{model.config.vocab_size}: it is not the one it was trained with. Restore the run's tokenizer.json."
        )
    model.compute_dtype = runtime.dtype
    prepare_to_generate(model, weights)
    if model.loops:
        announce_compiling()
    return model


def build_engine(folder: Path, tokenizer: Tokenizer, runtime: Runtime, weights: Weights) -> Engine:
    """An engine that writes nothing special but the end of the document. Raises like `load_to_generate`."""
    banned = set(tokenizer.special_ids.values()) - {tokenizer.document_id}
    return Engine(load_to_generate(folder, tokenizer, runtime, weights), tokenizer.vocab_size, banned)


def show_samples(engine: Engine, tokenizer: Tokenizer, ids: list[int], prompt: str, config: SampleConfig) -> None:
    """Write the samples to standard output as they come, and their speed to standard error."""
    decoders = [StreamDecoder(tokenizer) for _ in range(config.num_samples)]
    pages = Pages(config.num_samples, prompt)
    print(pages.opening(), end="", flush=True)
    num_tokens, began = 0, perf_counter()
    for token in engine.generate([ids] * config.num_samples, config.sampling, {tokenizer.document_id}):
        num_tokens += 1
        text = "" if token.finished == "stop" else decoders[token.row].push(token.id)
        if token.finished:
            text += decoders[token.row].finish()
        print(pages.push(token.row, text, token.finished is not None), end="", flush=True)
    seconds = perf_counter() - began
    print(flush=True)
    note(f"{num_tokens:,} tokens in {seconds:.1f} s, {num_tokens / seconds:,.0f} tokens/s")


class Pages:
    """Texts that grow at the same time and are shown one after another.

    >>> pages = Pages(2, "To ")
    >>> print(pages.opening() + pages.push(1, "go", ended=True) + pages.push(0, "be", ended=True))
    --- sample 1 of 2 ---
    To be
    --- sample 2 of 2 ---
    To go
    """

    def __init__(self, num_pages: int, prompt: str) -> None:
        self.waiting = [prompt] * num_pages  # written and not yet shown
        self.ended = [False] * num_pages
        self.shown = 0

    def opening(self) -> str:
        """What to show before anything is written."""
        return self._heading() + self._take()

    def push(self, page: int, text: str, ended: bool) -> str:
        """Add text to a page; returns what to show now."""
        self.waiting[page] += text
        self.ended[page] = ended
        shown = self._take()
        while self.ended[self.shown] and self.shown + 1 < len(self.waiting):
            self.shown += 1
            shown += f"\n{self._heading()}{self._take()}"
        return shown

    def _take(self) -> str:
        text, self.waiting[self.shown] = self.waiting[self.shown], ""
        return text

    def _heading(self) -> str:
        num_pages = len(self.waiting)
        return f"--- sample {self.shown + 1} of {num_pages} ---\n" if num_pages > 1 else ""


def read_prompt(prompt: str) -> str:
    """The prompt, or, for -, all of standard input. Raises UserError if that is no UTF-8."""
    if prompt != "-":
        return prompt
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"standard input is no UTF-8 text: {error}. Convert it, with iconv for one.") from error


def note(text: str) -> None:
    """A line for the person, beside the text."""
    print(text, file=sys.stderr, flush=True)
