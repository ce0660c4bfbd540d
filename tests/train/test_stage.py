"""What all later stages share: where they start from, what they refuse, how they go on."""

import dataclasses
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch

from primer import cli
from primer.core.errors import CheckpointError, ConfigError, RunInUseError, TokenizerError, TrainingError, UserError
from primer.core.rundir import RunDir
from primer.model.families import ShapeOverrides, shape
from primer.model.optim import OptimConfig
from primer.model.weights import find_weights, load_tensors
from primer.text.tokenizer import Tokenizer, train_tokenizer
from primer.text.tokenizer_format import BYTE_CHARACTERS
from primer.train import sft
from primer.train.loop import LoopConfig
from primer.train.sft import SFTConfig
from primer.train.stage import find_source


@pytest.fixture
def config(chat_base: Path, conversations: Path, tmp_path: Path) -> SFTConfig:
    """Two steps of fine-tuning."""
    loop = LoopConfig(num_steps=2, warmup_steps=1)
    return tiny.stage_config(SFTConfig, chat_base, tmp_path / "run", data=(str(conversations),), loop=loop)


def copy_of(run: Path, folder: Path) -> Path:
    """A run to spoil."""
    return Path(shutil.copytree(run, folder))


def test_it_starts_from_the_newest_run_that_has_been_trained(
    chat_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"no run under runs/ to start from. Give one with --from"):
        find_source(None, RunDir(Path("runs/sft")))
    for age, name in enumerate(("sft", "base", "older")):
        os.utime(copy_of(chat_base, tmp_path / "runs" / name) / "config.json", (1e9 - age, 1e9 - age))
    failed = tmp_path / "runs" / "failed"  # it has written its config, and never a checkpoint
    failed.mkdir()
    (failed / "config.json").write_text("{}", encoding="utf-8")
    assert find_source(None, RunDir(Path("runs/sft"))).path == Path("runs/base")  # not itself
    assert find_source(None, RunDir(Path("runs/dpo"))).path == Path("runs/sft")


@pytest.mark.parametrize("made", [False, True])
def test_from_a_folder_that_is_no_run(config: SFTConfig, tmp_path: Path, made: bool) -> None:
    if made:
        (tmp_path / "x").mkdir()
    said = "has no checkpoint" if made else "does not exist"
    with pytest.raises(ConfigError, match=f"--from .*/x: this folder {said}. Give the folder of a run"):
        sft.main(dataclasses.replace(config, source=tmp_path / "x"))


def test_from_a_step_that_is_not_there(config: SFTConfig) -> None:
    with pytest.raises(CheckpointError, match="has no checkpoint of step 7; it has 0"):
        sft.main(dataclasses.replace(config, from_step=7))


def test_from_a_base_model_with_another_chat_format(config: SFTConfig, tmp_path: Path) -> None:
    vocab = {character: i for i, character in enumerate([*BYTE_CHARACTERS, "<|endoftext|>"])}
    (tmp_path / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    (tmp_path / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    tokenizer = Tokenizer.gpt2(tmp_path / "vocab.json", tmp_path / "merges.txt")
    size = shape("gpt2", 1, tokenizer.vocab_size, 64, ShapeOverrides(width=32, num_heads=2))
    base = tiny.save_run(tmp_path / "gpt2", tokenizer, size)
    with pytest.raises(TokenizerError, match=r"belongs to a base model with another chat format. Start from a model"):
        sft.main(dataclasses.replace(config, source=base))


def test_from_a_run_with_another_tokenizer(config: SFTConfig, chat_base: Path, tmp_path: Path) -> None:
    base = copy_of(chat_base, tmp_path / "base")
    train_tokenizer(["other words " * 30], 280).save(base)
    with pytest.raises(TokenizerError, match=r"is not the one that its model was trained with. Restore that one"):
        sft.main(dataclasses.replace(config, source=base))


def test_from_a_damaged_checkpoint(config: SFTConfig, chat_base: Path, tmp_path: Path) -> None:
    base = copy_of(chat_base, tmp_path / "base")
    weights = base / "checkpoints" / "step_000000" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8] + b"\1" * 8)
    with pytest.raises(CheckpointError, match=r"damaged: model.safetensors is not as it was written"):
        sft.main(dataclasses.replace(config, source=base))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch_rows": 0}, "--batch-rows is 0, and must be 1 or more"),
        ({"micro_rows": 0}, "--micro-rows is 0"),
        ({"keep": 0}, "--keep is 0"),
        ({"eval_every": -1}, "--eval-every is -1"),
        ({"loop": LoopConfig(decay=1.5)}, "--decay is 1.5, and must be a share"),
        ({"loop": LoopConfig(num_steps=-1)}, "--num-steps is -1"),
        ({"batch_rows": 64, "loop": LoopConfig()}, "not enough data for a single step"),
    ],
)
def test_numbers_that_cannot_be(config: SFTConfig, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        sft.main(dataclasses.replace(config, **changes))


def test_a_run_is_not_trained_over_and_not_shared(config: SFTConfig) -> None:
    assert config.run is not None
    with pytest.raises(ConfigError, match=r"holds no run to resume. Start it without --resume"):
        sft.main(dataclasses.replace(config, resume=True))
    sft.main(config)
    with pytest.raises(ConfigError, match=r"holds a run already. Go on with --resume, or choose another --run"):
        sft.main(config)
    with RunDir(config.run).locked(), pytest.raises(RunInUseError, match="is in use by process"):
        sft.main(config)


@pytest.mark.parametrize(
    ("error", "quoted"),
    [
        (MemoryError(), ""),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."), "CUDA out of memory. Tried"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "can't allocate memory"),
    ],
)
def test_out_of_memory(config: SFTConfig, monkeypatch: pytest.MonkeyPatch, error: Exception, quoted: str) -> None:
    """In the second step, after the first has been saved."""
    config = dataclasses.replace(config, save_every=1, eval_every=0)
    loss, asked = sft.conversation_losses, []

    def fails(*args: Any) -> torch.Tensor:
        asked.append(1)
        if len(asked) > 2:  # micro-batches
            raise error
        return loss(*args)

    monkeypatch.setattr(sft, "conversation_losses", fails)
    advice = r"--micro-rows.*--batch-rows.*--depth.*Step 1 is saved.*go on with --resume"
    with pytest.raises(TrainingError, match=f"^out of memory.*{quoted}.*Begin anew.*{advice}"):
        sft.main(config)
    with pytest.raises(TrainingError, match="Nothing was saved yet"):
        sft.main(dataclasses.replace(config, run=Path(f"{config.run}-again")))


def test_other_errors_keep_their_traceback(config: SFTConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sft, "conversation_losses", lambda *_: exec("raise RuntimeError('a shape')"))
    with pytest.raises(RuntimeError, match="a shape"):
        sft.main(config)


def test_resume_with_other_options(config: SFTConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sft.main(config)
    run = str(config.run)
    with pytest.raises(ConfigError, match="was begun with other options, and goes on with those"):
        cli.dispatch(["sft", "--run", run, "--resume", "--batch-rows", "8"])
    with pytest.raises(ConfigError, match="was begun with other options"):
        cli.dispatch(["sft", "--run", run, "--resume", "--from", str(tmp_path)])
    with pytest.raises(ConfigError, match=r"was made by `primer sft`, not by `primer dpo`. Give another --run"):
        cli.dispatch(["dpo", "--run", run, "--resume"])
    with pytest.raises(UserError, match="holds no run"):
        cli.dispatch(["sft", "--run", str(tmp_path / "none"), "--resume"])
    cli.dispatch(["sft", "--run", run, "--resume", "--threads", "1"])  # where it is computed may change


def test_resume_passes_over_a_damaged_checkpoint(
    config: SFTConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = dataclasses.replace(config, save_every=1, eval_every=0)
    sft.main(config)
    assert config.run is not None
    whole = tiny.final_weights(config.run)
    (config.run / "report.md").unlink()
    damaged = config.run / "checkpoints" / "step_000002" / "model.safetensors"
    damaged.unlink()  # `whole` is mapped from it
    damaged.write_bytes(b"rubbish")
    sft.main(dataclasses.replace(config, resume=True))
    assert "damaged: model.safetensors is not as it was written. Trying the one before" in capsys.readouterr().out
    assert tiny.same(tiny.final_weights(config.run), whole)


def test_a_run_can_be_moved_and_its_source_can_go(
    config: SFTConfig, chat_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = copy_of(chat_base, tmp_path / "base")
    sft.main(dataclasses.replace(config, source=base))
    shutil.rmtree(base)
    (tmp_path / "run" / "report.md").unlink()
    moved = (tmp_path / "run").rename(tmp_path / "moved")
    cli.dispatch(["sft", "--run", str(moved), "--resume"])
    assert "resumed after step 2 of 2" in capsys.readouterr().out
    assert (moved / "report.md").is_file()


def test_the_sources_optimizer_can_be_kept(config: SFTConfig, tmp_path: Path) -> None:
    sft.main(config)
    again = dataclasses.replace(config, source=config.run)
    ends = []
    for kept in (False, True):
        sft.main(dataclasses.replace(again, run=tmp_path / f"kept_{kept}", keep_optimizer=kept))
        ends.append(tiny.final_weights(tmp_path / f"kept_{kept}"))
    assert not tiny.same(*ends)
    other = dataclasses.replace(again, run=tmp_path / "adamw", optim=OptimConfig(optimizer="adamw"))
    with pytest.raises(CheckpointError, match="is of another kind of optimizer"):
        sft.main(dataclasses.replace(other, keep_optimizer=True))


def test_what_a_run_leaves(config: SFTConfig, chat_base: Path) -> None:
    sft.main(config)
    assert config.run is not None
    saved = RunDir(config.run).read_config()
    assert saved["stage"] == "sft"
    assert saved["source"] == str(chat_base / "checkpoints" / "step_000000")
    assert sft.saved_config(RunDir(config.run)) == dataclasses.replace(config, resume=True)
    assert Tokenizer.load(config.run).fingerprint == Tokenizer.load(chat_base).fingerprint
    assert "now try" not in (report := (config.run / "report.md").read_text(encoding="utf-8"))
    assert "began with" in report
    assert (config.run / "loss.png").is_file()
    assert torch.isfinite(torch.tensor(tiny.metric(config.run, "loss"))).all()


def test_from_a_speedrun_is_from_its_last_stage(chat_base: Path, tmp_path: Path) -> None:
    copy_of(chat_base, tmp_path / "laptop" / "base")
    (tmp_path / "laptop" / "speedrun.json").write_text("{}", encoding="utf-8")
    assert find_source(tmp_path / "laptop", RunDir(tmp_path / "sft")).path == tmp_path / "laptop" / "base"


def test_a_merged_run_ends_between_where_it_began_and_where_it_went(config: SFTConfig, tmp_path: Path) -> None:
    ends = {}
    for share in (1.0, 0.25):
        sft.main(dataclasses.replace(config, run=tmp_path / str(share), merge=share))
        ends[share] = load_tensors(find_weights(tmp_path / str(share)) / "model.safetensors")
    assert config.source is not None
    for name, began in load_tensors(find_weights(config.source) / "model.safetensors").items():
        torch.testing.assert_close(ends[0.25][name], 0.75 * began + 0.25 * ends[1.0][name])
    assert any(not torch.equal(ends[0.25][name], ends[1.0][name]) for name in ends[1.0])
