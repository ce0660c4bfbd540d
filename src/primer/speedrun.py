"""`primer speedrun`: the whole way in one go. For now: text, tokenizer, shards, a trained model, and what it writes.

Called again it goes on where it stopped, or says that all is done.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from primer.core.rundir import RunDir
from primer.core.runtime import RuntimeConfig
from primer.engine.sample import SampleConfig
from primer.engine.sample import main as sample
from primer.engine.sampling import SamplingConfig
from primer.presets import PRETRAIN
from primer.train.checkpoint import saved_steps
from primer.train.pretrain import SAMPLE_TOKENS, saved_config
from primer.train.pretrain import main as pretrain


@dataclass(frozen=True)
class SpeedrunConfig:
    """Text to a trained model and a page that it wrote, resumable."""

    preset: Literal["shakespeare", "shakespeare-char"] = "shakespeare"
    run: Path | None = None
    """Folder of the run; None: runs/ and the preset's name."""
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def main(config: SpeedrunConfig) -> None:
    """Run what is left to do."""
    preset = PRETRAIN[config.preset]
    path = config.run or preset.run
    assert path is not None, "every preset names its run"
    run = RunDir(path)
    if run.config_file.exists() and saved_steps(run):
        pretrain(replace(saved_config(run), runtime=config.runtime))
    else:
        pretrain(replace(preset, run=path, runtime=config.runtime))
    settings = SamplingConfig(max_tokens=SAMPLE_TOKENS)
    sample(SampleConfig(run=path, prompt="ROMEO:\n", sampling=settings, runtime=config.runtime))
