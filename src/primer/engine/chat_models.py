"""The models that one chat in the terminal can switch between."""

from pathlib import Path

from primer.core.errors import ConfigError, suggest
from primer.core.rundir import RUNS, find_run, runs_by_age, speedrun_of
from primer.core.runtime import Runtime
from primer.engine.dialogue import Dialogue, chat_engine
from primer.engine.sample import load_to_generate, load_tokenizer
from primer.engine.tools import named_tools
from primer.model.prepared import Weights
from primer.model.weights import find_weights
from primer.text.chat import ChatFormat
from primer.text.tokenizer import Tokenizer


class ChatModels:
    """The runs under runs/, and the other stages of the speedrun that the chat began with."""

    def __init__(self, run: Path, tools: str, runtime: Runtime, weights: Weights = "auto", root: Path = RUNS) -> None:
        """`run`: that of the model talked to; `tools`: what every model may call."""
        self.run, self.tools, self.runtime, self.weights, self.root = run, tools, runtime, weights, root

    def names(self) -> dict[str, Path]:
        """What can be named, and the folder of its run: `rl` beside `dpo`, `laptop/rl` under runs/."""
        runs = {run.path.relative_to(self.root).as_posix(): run.path for run in runs_by_age(self.root)}
        if speedrun := speedrun_of(self.run):
            stages = {path.parent.name: path.parent for path in sorted(speedrun.glob("*/config.json"))}
            runs = stages | {name: path for name, path in runs.items() if path not in stages.values()}
        here = {} if self.run in runs.values() else {str(self.run): self.run}
        return here | {name: path for name, path in runs.items() if any((path / "checkpoints").glob("step_*"))}

    def describe(self) -> list[str]:
        """A line for each, with a star before the one that is talked to."""
        return [f"{'*' if path == self.run else ' '} {name}" for name, path in self.names().items()]

    def open(self, name: str) -> Dialogue:
        """Talk to another from now on: one of `names`, or the folder of any run.

        Raises ConfigError for a name that means nothing, UserError for a run that cannot be talked to.
        """
        names = self.names()
        if name not in names and not Path(name).is_dir():
            raise ConfigError(f"there is no model {name!r}; {suggest(name, names)}")
        run = find_run(names.get(name, Path(name)))
        dialogue = self.dialogue(find_weights(run.path), load_tokenizer(run))
        self.run = run.path
        return dialogue

    def dialogue(self, checkpoint: Path, tokenizer: Tokenizer) -> Dialogue:
        """A model to talk to, that writes no special token but those of an assistant.

        Raises ConfigError for an unknown tool, CheckpointError for damaged weights, TokenizerError for a tokenizer that
        is not the model's or has no tokens for a chat.
        """
        allowed_tools = named_tools(self.tools)
        format = ChatFormat(tokenizer)
        model = load_to_generate(checkpoint, tokenizer, self.runtime, self.weights)
        return Dialogue(chat_engine(model, format), format, allowed_tools)
