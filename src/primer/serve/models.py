"""The models that a server has: named after their runs, loaded when first asked for, replaced when they get better."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from primer.core.errors import ConfigError, TokenizerError, UserError, suggest
from primer.core.rundir import TRAINING_STAGES, RunDir, run_at, speedrun_of
from primer.core.runtime import Runtime
from primer.engine.dialogue import Dialogue, chat_engine
from primer.engine.engine import Engine
from primer.engine.live import LiveEngine
from primer.engine.sample import load_to_generate, load_tokenizer
from primer.engine.sampling import SamplingConfig
from primer.engine.tools import Tool, named_tools
from primer.model.gpt import GPT
from primer.model.prepared import Weights
from primer.model.weights import WEIGHTS_FILE, find_weights
from primer.serve.errors import ApiError
from primer.text.chat import ChatFormat
from primer.text.tokenizer import Tokenizer

DEFAULT = "primer"  # the last stage of the first run, whatever that is called
SECOND = 10**9  # in nanoseconds
HANDOVER_SECONDS = 5.0  # a request that has found a model may take so long to ask it

log = logging.getLogger(__name__)


class UnknownModel(ApiError):
    """Nothing is served under this name."""


@dataclass(frozen=True)
class ModelInfo:
    """What a list of models says of one."""

    name: str
    created: int
    """When its newest checkpoint was written, in seconds since 1970."""
    stage: str
    """base, sft, dpo or rl."""


@dataclass(frozen=True)
class Source:
    """A run to load from."""

    run: Path
    stage: str


@dataclass(eq=False)
class ServedModel:
    """A model that is loaded."""

    name: str
    run: Path
    weights: Path
    created: int
    """When its weights were written, in seconds since 1970."""
    tokenizer: Tokenizer
    dialogue: Dialogue | None
    """None: its tokenizer cannot write conversations, so that it only continues texts."""
    live: LiveEngine
    context: int


class Models:
    """Those of some runs' folders. A speedrun's folder has one for each of its stages."""

    def __init__(
        self, runs: Sequence[Path], tools: str, runtime: Runtime, num_slots: int, weights: Weights = "auto"
    ) -> None:
        """Nothing is loaded yet. Each model writes up to `num_slots` answers at a time.

        Raises UserError for a folder without a run or without checkpoints, two runs of one name, an unknown tool.
        """
        self.runs, self.runtime, self.num_slots, self.weights = runs, runtime, num_slots, weights
        self.tools: tuple[Tool, ...] = named_tools(tools)
        self.sources = find_sources(runs)
        self._served: dict[str, ServedModel] = {}
        self._seen: dict[str, dict[Path, int]] = {}  # checkpoints of a loaded model's run when last looked at
        self._loading = asyncio.Lock()
        self._retiring: set[asyncio.Task[None]] = set()

    @property
    def loaded(self) -> Collection[ServedModel]:
        """Those in memory."""
        return self._served.values()

    def list(self) -> Sequence[ModelInfo]:
        """All that can be asked for, the default first."""
        return [
            ModelInfo(name, max(checkpoint_times(source.run).values(), default=0) // SECOND, source.stage)
            for name, source in self.sources.items()
        ]

    async def get(self, name: str) -> ServedModel:
        """The model of a name, loaded in a thread if it is not yet.

        Raises UnknownModel, and ApiError with status 503 if it cannot be loaded.
        """
        try:
            return await self.open(name)
        except UserError as error:
            log.error("%s cannot be loaded: %s", name, error)
            message = f"the model {name!r} cannot be loaded at the moment"
            raise ApiError(503, "model_unavailable", message, "model", "server_error") from error

    async def open(self, name: str) -> ServedModel:
        """Like `get`, but says why a model cannot be loaded. Raises UnknownModel, UserError."""
        if name not in self.sources and name != DEFAULT:
            message = f"there is no model {name!r}; {suggest(name, [*self.sources, DEFAULT])}"
            raise UnknownModel(404, "model_not_found", message, "model")
        name = name if name in self.sources else next(iter(self.sources))
        if name not in self._served:
            async with self._loading:
                if name not in self._served:  # another request may have loaded it meanwhile
                    await self._load(name)
        return self._served[name]

    async def reload_newer(self) -> Sequence[str]:
        """Replace models of which there is a better checkpoint now; the names of those. Old ones finish their answers.

        A checkpoint that cannot be loaded is reported in the log, once, and the old one goes on.
        """
        async with self._loading:
            try:
                self.sources = find_sources(self.runs) | self.sources  # a speedrun may have come a stage further
            except UserError as error:
                log.warning("no newer models: %s", error)
            return [name for name in self._served if await self._reload(name)]

    async def close(self) -> None:
        """Stop all engines; answers under way end."""
        for task in self._retiring:
            task.cancel()
        for model in self._served.values():
            model.live.close()

    async def _load(self, name: str) -> None:
        self._seen[name] = checkpoint_times(self.sources[name].run)  # first: one written meanwhile is newer
        self._served[name] = await asyncio.to_thread(self._read, name, self.sources[name])

    def _read(self, name: str, source: Source) -> ServedModel:
        """Load the best checkpoint of a run. Raises UserError if that cannot be done."""
        run = source.run
        checkpoint, tokenizer = find_weights(run), load_tokenizer(RunDir(run))
        tokenizer.load_loops()
        created = mtime(checkpoint / WEIGHTS_FILE) // SECOND
        model = load_to_generate(checkpoint, tokenizer, self.runtime, self.weights)
        chat = chat_format(tokenizer)
        if chat is None or source.stage == "base":
            engine = text_engine(model, tokenizer, self.num_slots)
        else:
            engine = chat_engine(model, chat, self.num_slots)
        engine.complete([[0]], SamplingConfig(temperature=0, max_tokens=1))  # compiles, before anybody waits for it
        dialogue = Dialogue(engine, chat, self.tools) if chat else None
        return ServedModel(name, run, checkpoint, created, tokenizer, dialogue, LiveEngine(engine), engine.context)

    async def _reload(self, name: str) -> bool:
        old, seen = self._served[name], checkpoint_times(self.sources[name].run)
        if seen == self._seen[name]:
            return False
        self._seen[name] = seen
        try:
            weights = await asyncio.to_thread(find_weights, old.run)
            if (weights, seen.get(weights, 0) // SECOND) == (old.weights, old.created):
                return False
            await self._load(name)
        except Exception as error:  # whatever is wrong with the new one, the old one can still be asked
            log.warning("%s goes on with %s, for its newer checkpoint cannot be used: %s", name, old.weights, error)
            return False
        task = asyncio.create_task(retire(old))
        self._retiring.add(task)  # or it would be collected while it runs
        task.add_done_callback(self._retiring.discard)
        return True


async def retire(model: ServedModel) -> None:
    """Close a model that nobody finds any more, when its last answer is written."""
    try:
        await asyncio.sleep(HANDOVER_SECONDS)
        await model.live.drain()
    finally:
        model.live.close()


def chat_format(tokenizer: Tokenizer) -> ChatFormat | None:
    """None for a tokenizer that cannot write conversations, such as one of characters."""
    try:
        return ChatFormat(tokenizer)
    except TokenizerError:
        return None


def text_engine(model: GPT, tokenizer: Tokenizer, num_slots: int) -> Engine:
    """An engine that can end a document, and a turn. Asked to chat, a base model goes on as it goes on with texts."""
    special_ids = tokenizer.special_ids
    ends = {tokenizer.document_id, special_ids.get("<|im_end|>")}
    return Engine(model, tokenizer.vocab_size, set(special_ids.values()) - ends, num_slots)


def find_sources(runs: Sequence[Path]) -> dict[str, Source]:
    """The folders to load from by the names of their models, the default first. Raises like `Models`."""
    sources: dict[str, Source] = {}
    for path in runs:
        for name, run in named_runs(path).items():
            if name in sources:
                raise ConfigError(f"two models are called {name}: {sources[name].run} and {run}. Rename one's folder.")
            sources[name] = Source(run, stage_of(run))
    return sources


def named_runs(path: Path) -> dict[str, Path]:
    """The models of one folder that is given: of a run, of a speedrun, or of a stage of one."""
    folder = path.resolve()
    if not folder.is_dir():
        raise UserError(f"{path} does not exist. Give a run's folder with --run.")
    if run_at(folder).path != folder:
        stages = [stage for stage in reversed(TRAINING_STAGES) if checkpoint_times(folder / stage)]
        found = {f"{folder.name}-{stage}": folder / stage for stage in stages}
    else:
        speedrun = speedrun_of(folder)
        name = f"{speedrun.name}-{folder.name}" if speedrun else folder.name
        stage_of(folder)  # raises if it is no run
        found = {name: folder} if checkpoint_times(folder) else {}
    if not found:
        raise UserError(f"{path} has no checkpoint yet. Train it first, or give another --run.")
    return found


def checkpoint_times(run: Path) -> dict[Path, int]:
    """When a run's checkpoints were written, in nanoseconds since 1970, and when one was last called the best.

    It changes when there is something new. `find_weights` would read all weights to find out, for it checks their sum.
    """
    folder = run / "checkpoints"
    times = {path.parent: mtime(path) for path in folder.glob(f"step_*/{WEIGHTS_FILE}")}
    return times | {path: mtime(path) for path in folder.glob("best.json")} if times else {}


def mtime(path: Path) -> int:
    """In nanoseconds; 0 for a file that has just been deleted: training keeps the newest checkpoints only."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def stage_of(run: Path) -> str:
    """base, sft, dpo or rl. Raises UserError for a folder that is no run."""
    stage: str = RunDir(run).read_config().get("stage", "")
    return "base" if stage == "pretrain" else stage
