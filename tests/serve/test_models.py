"""Models by name, loaded on demand, replaced by better ones; with runs of one layer that have learned nothing."""

import asyncio
import logging
import shutil
import string
from collections.abc import Sequence
from pathlib import Path

import pytest
import tiny
import torch

from primer.core.errors import ConfigError, UserError
from primer.core.files import write_json
from primer.core.rundir import RunDir
from primer.engine.live import EngineClosed
from primer.engine.request import Request, Token
from primer.engine.sampling import SamplingConfig
from primer.model.gpt import GPT
from primer.model.optim import OptimConfig, build_optimizer
from primer.model.weights import find_weights, load_model
from primer.serve import models as models_module
from primer.serve.errors import ApiError
from primer.serve.models import Models, ServedModel, UnknownModel
from primer.text.tokenizer import Tokenizer
from primer.text.tokenizer_format import DOCUMENT, Parts
from primer.train.checkpoint import Progress, save_checkpoint

STAGES = {"base": "pretrain", "sft": "sft", "dpo": "dpo", "rl": "rl"}


@pytest.fixture
def speedrun(chat_base: Path, tmp_path: Path) -> Path:
    """A folder with two stages that are done and two that are not."""
    folder = tmp_path / "laptop"
    for stage in ("base", "sft"):
        add_stage(chat_base, folder, stage)
    write_json(folder / "speedrun.json", {})
    return folder


def add_stage(source: Path, folder: Path, stage: str) -> None:
    shutil.copytree(source, folder / stage)
    config = RunDir(source).read_config()
    write_json(folder / stage / "config.json", config | {"stage": STAGES[stage]})


def open_models(*runs: Path, num_slots: int = 4) -> Models:
    return Models(runs, "calculator", tiny.CPU, num_slots)


def new_checkpoint(run: Path, step: int) -> Path:
    """Another model of the same shape."""
    config = load_model(find_weights(run, 0)).config
    torch.manual_seed(step)
    model = GPT(config)
    return save_checkpoint(RunDir(run), model, build_optimizer(model, OptimConfig()), Progress(step=step), keep=3)


async def write(model: ServedModel, count: int = 5) -> list[int]:
    request = Request([model.tokenizer.document_id], SamplingConfig(temperature=0, max_tokens=count))
    return [token.id async for tokens in model.live.stream(request) for token in tokens]


# --- names ---


def test_a_speedrun_has_a_model_for_each_stage(speedrun: Path) -> None:
    models = open_models(speedrun)
    assert [(info.name, info.stage) for info in models.list()] == [("laptop-sft", "sft"), ("laptop-base", "base")]
    assert all(info.created > 1e9 for info in models.list())
    assert [info.name for info in open_models(speedrun / "base").list()] == ["laptop-base"]


def test_several_runs(speedrun: Path, chat_base: Path, tmp_path: Path) -> None:
    other = shutil.copytree(chat_base, tmp_path / "other")
    models = open_models(other, speedrun)
    assert [info.name for info in models.list()] == ["other", "laptop-sft", "laptop-base"]
    with pytest.raises(ConfigError, match="two models are called other"):
        open_models(other, other)


def test_folders_that_cannot_be_served(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        open_models(tmp_path / "nowhere")
    with pytest.raises(UserError, match="holds no run"):
        open_models(tmp_path)
    RunDir(tmp_path).write_config({"stage": "sft"})
    with pytest.raises(UserError, match="no checkpoint yet"):
        open_models(tmp_path)
    with pytest.raises(ConfigError, match="no tool 'hammer'"):
        Models([tmp_path], "hammer", tiny.CPU, 4)


@pytest.mark.parametrize(
    "name", ["laptop", "laptop-rl", "", "../laptop/sft", "/etc/passwd", "laptop-sft/../laptop-base"]
)
def test_unknown_models(speedrun: Path, name: str) -> None:
    """A name is looked up among those that there are; no path is made of it."""
    with pytest.raises(UnknownModel, match="there is no model") as error:
        asyncio.run(open_models(speedrun).get(name))
    assert (error.value.status, error.value.code, error.value.param) == (404, "model_not_found", "model")


# --- loading ---


def test_loaded_when_first_asked_for(speedrun: Path) -> None:
    async def scenario() -> None:
        models = open_models(speedrun)
        assert not models.loaded
        first, again, default = await asyncio.gather(*(models.get(n) for n in ("laptop-sft", "laptop-sft", "primer")))
        assert first is again is default  # one model, however many ask for it at once
        assert [model.name for model in models.loaded] == ["laptop-sft"]
        assert "_loops" in vars(first.tokenizer)  # nobody waits for them later
        assert first.dialogue is not None
        assert [tool.name for tool in first.dialogue.tools] == ["calculator"]
        assert first.context == tiny.CHAT_CONTEXT
        assert first.live.engine is first.dialogue.engine
        assert len(await write(first)) == 5
        base = await models.get("laptop-base")
        assert base is not first
        await models.close()
        with pytest.raises(EngineClosed):
            await write(base)

    asyncio.run(scenario())


def test_a_chat_model_ends_turns_and_a_base_model_documents_too(speedrun: Path) -> None:
    async def scenario() -> None:
        models = open_models(speedrun)
        for name, can_end in (("laptop-sft", False), ("laptop-base", True)):
            model = await models.get(name)
            marks = model.tokenizer.special_ids
            allowed = model.live.engine.allowed
            assert (allowed[model.tokenizer.document_id] == 0) == can_end
            assert allowed[marks["<|im_end|>"]] == 0
            assert allowed[marks["<|im_start|>user\n"]] == -torch.inf
        await models.close()

    asyncio.run(scenario())


def test_a_model_without_chat_only_continues_texts(tmp_path: Path) -> None:
    without_marks = Tokenizer(Parts("char", tuple(string.ascii_lowercase), (), (DOCUMENT,)))
    run = tiny.save_run(tmp_path / "letters", without_marks, tiny.model_config())

    async def scenario() -> None:
        models = open_models(run)
        model = await models.get("letters")
        assert model.dialogue is None
        assert len(await write(model)) == 5
        await models.close()

    asyncio.run(scenario())


def test_damaged_weights_are_the_servers_fault(speedrun: Path, caplog: pytest.LogCaptureFixture) -> None:
    weights = find_weights(speedrun / "sft") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ApiError, match="cannot be loaded") as error:
        asyncio.run(open_models(speedrun).get("primer"))
    assert error.value.status == 503
    assert str(weights.parent) in caplog.text
    assert str(weights.parent) not in error.value.message
    with pytest.raises(UserError, match="damaged"):
        asyncio.run(open_models(speedrun).open("primer"))


# --- better ones ---


def test_a_newer_checkpoint_takes_over_and_answers_under_way_end_as_they_began(
    speedrun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models_module, "HANDOVER_SECONDS", 0.0)

    async def scenario() -> None:
        models = open_models(speedrun)
        old = await models.get("primer")
        expected, length = await write(old, 100), 100
        assert await models.reload_newer() == []
        stream = old.live.stream(Request([old.tokenizer.document_id], SamplingConfig(temperature=0, max_tokens=length)))
        tokens: list[Token] = await anext(stream)
        new_checkpoint(speedrun / "sft", 7)
        assert await models.reload_newer() == ["laptop-sft"]
        new = await models.get("primer")
        assert new.weights.name == "step_000007"
        assert new is not old
        tokens += [token async for more in stream for token in more]
        assert [token.id for token in tokens] == expected
        assert await write(new, 20) != expected[:20]
        while old.live.thread.is_alive():  # the old engine is put away
            await asyncio.sleep(0.01)
        assert await models.reload_newer() == []
        await models.close()

    asyncio.run(scenario())


def test_a_damaged_new_checkpoint_is_reported_once_and_the_old_one_goes_on(
    speedrun: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        models = open_models(speedrun)
        old = await models.get("primer")
        newer = new_checkpoint(speedrun / "sft", 7)
        (newer / "model.safetensors").write_bytes(b"half")
        assert await models.reload_newer() == []
        assert await models.reload_newer() == []
        warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert len(warnings) == 1
        assert "step_000007 is damaged" in warnings[0]
        assert await models.get("primer") is old
        assert len(await write(old)) == 5
        new_checkpoint(speedrun / "sft", 8)
        assert await models.reload_newer() == ["laptop-sft"]
        await models.close()

    asyncio.run(scenario())


def test_a_checkpoint_that_is_not_the_best_is_left_alone(speedrun: Path) -> None:
    async def scenario() -> None:
        models = open_models(speedrun)
        write_json(speedrun / "sft" / "checkpoints" / "best.json", {"step": 0, "loss": 1.0})
        model = await models.get("primer")
        new_checkpoint(speedrun / "sft", 7)
        assert await models.reload_newer() == []
        assert await models.get("primer") is model
        write_json(speedrun / "sft" / "checkpoints" / "best.json", {"step": 7, "loss": 0.5})
        assert await models.reload_newer() == ["laptop-sft"]
        await models.close()

    asyncio.run(scenario())


def test_a_half_written_checkpoint_is_not_seen(speedrun: Path) -> None:
    """While it is written its folder has another name."""
    hidden = speedrun / "sft" / "checkpoints" / ".step_000009.1.tmp"
    hidden.mkdir()
    (hidden / "model.safetensors").write_bytes(b"half")
    assert list(models_module.checkpoint_times(speedrun / "sft")) == [find_weights(speedrun / "sft")]


def test_a_speedrun_that_comes_a_stage_further(speedrun: Path, chat_base: Path) -> None:
    async def scenario() -> None:
        models = open_models(speedrun)
        before = await models.get("primer")
        add_stage(chat_base, speedrun, "dpo")
        assert await models.reload_newer() == []
        assert names(models) == ["laptop-dpo", "laptop-sft", "laptop-base"]
        assert (await models.get("primer")).name == "laptop-dpo"
        shutil.rmtree(speedrun)  # what is loaded can still be asked
        assert await models.reload_newer() == []
        assert names(models) == ["laptop-dpo", "laptop-sft", "laptop-base"]
        assert await models.get("laptop-sft") is before
        await models.close()

    asyncio.run(scenario())


def names(models: Models) -> Sequence[str]:
    return [info.name for info in models.list()]
