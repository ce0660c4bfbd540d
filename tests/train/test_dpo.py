"""Preference optimisation: the losses against trl's formulas, the reference kept on disk, exact resuming."""

import dataclasses
import itertools
import random
import signal
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
import torch.nn.functional as F
from child import primer, torchrun
from torch import Tensor

from primer.core.errors import CheckpointError, ConfigError, CorpusError
from primer.core.rundir import RunDir
from primer.core.runtime import Runtime
from primer.model.gpt import GPT, IGNORE
from primer.model.optim import OptimConfig
from primer.text.chat import ToolCall, assistant, tool, user
from primer.text.conversations import Pair
from primer.train import dpo
from primer.train.checkpoint import saved_steps
from primer.train.dpo import DPOConfig, DPOLoss, DPOStage, PairData, encode, encode_pairs, measure, pair_losses
from primer.train.loop import Gradients
from primer.train.stage import Start


def better_and_worse(count: int) -> list[dict[str, Any]]:
    """Rows of pairs: the right sum, and a wrong one."""
    return [
        {"prompt": question, "chosen": answer, "rejected": f"{int(answer) + 1} or so"}
        for question, answer in tiny.sums(count)
    ]


@pytest.fixture(scope="module")
def pairs_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty pairs."""
    return tiny.jsonl(tmp_path_factory.mktemp("pairs") / "pairs.jsonl", better_and_worse(60))


@pytest.fixture
def config(chat_base: Path, pairs_file: Path, tmp_path: Path) -> DPOConfig:
    """Twelve steps of four pairs."""
    return tiny.stage_config(DPOConfig, chat_base, tmp_path / "run", data=(str(pairs_file),))


def some_pairs(start: Start) -> PairData:
    """Three pairs of different lengths, one with a tool."""
    call = assistant("", ToolCall("calculator", {"expression": "3+4"}))
    pairs = [
        Pair((user("3+4?"),), (call, tool("7"), assistant("It is 7.")), (assistant("8"),)),
        Pair((user("hi"),), (assistant("Hello, how are you?"),), (assistant("no"),)),
        Pair((user("hi"), assistant("ho"), user("bye")), (assistant("Bye."),), (assistant("Stay here, please!"),)),
    ]
    return encode_pairs(pairs, start)[0]


def disturbed(model: GPT) -> GPT:
    """A model that has moved away from its reference."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model


def sequence_log_p(model: GPT, data: PairData) -> list[tuple[list[float], list[float]]]:
    """Of each pair, log p of each counted id of the chosen and of the rejected; row by row, without padding."""
    found = []
    for pair in data.pairs:
        sides = []
        for row in pair:
            ids = torch.tensor([row.ids])
            with torch.no_grad():
                log_p = F.log_softmax(model.logits(model.hidden(ids[:, :-1])).float(), dim=-1)
            each = log_p[0].gather(1, ids[0, 1:, None])[:, 0].tolist()
            sides.append([p for p, counts in zip(each, row.counted[1:], strict=True) if counts])
        found.append((sides[0], sides[1]))
    return found


def trl_loss(
    policy: tuple[list[float], list[float]], reference: tuple[list[float], list[float]], config: DPOLoss
) -> float:
    """As `DPOTrainer.dpo_loss` of trl 0.12 computes it (with `ipo` and `length_normalised` on means a token), and
    `rpo_alpha` times the chosen answer's mean negative log-likelihood."""
    by_mean = config.loss == "ipo" or config.length_normalised

    def together(log_p: list[float]) -> Tensor:
        return torch.tensor(sum(log_p) / (len(log_p) if by_mean else 1), dtype=torch.float64)

    policy_ratio = together(policy[0]) - together(policy[1])
    logits = policy_ratio - (together(reference[0]) - together(reference[1]))
    beta, smoothing = config.beta, config.label_smoothing
    if config.loss == "sigmoid":
        loss = -F.logsigmoid(beta * logits) * (1 - smoothing) - F.logsigmoid(-beta * logits) * smoothing
    elif config.loss == "hinge":
        loss = torch.relu(1 - beta * logits)
    else:
        loss = (logits - 1 / (2 * beta)) ** 2
    return float(loss) + config.nll * -sum(policy[0]) / len(policy[0])


@pytest.mark.parametrize(
    "config",
    [
        DPOLoss(),
        DPOLoss(beta=0.5, label_smoothing=0.2),
        DPOLoss("ipo", beta=0.3),
        DPOLoss("hinge", beta=0.4),
        DPOLoss(beta=2.0, length_normalised=True),
        DPOLoss("hinge", length_normalised=True),
        DPOLoss(nll=0.7),
        DPOLoss("ipo", nll=1.0),
    ],
)
def test_the_losses_are_trls(chat_base: Path, config: DPOLoss) -> None:
    begun = tiny.start(chat_base)
    data = some_pairs(begun)
    reference = sequence_log_p(begun.model, data)
    data.ask_reference(begun.model, 2, begun.runtime)
    for kept, by_hand in zip(data.reference, reference, strict=True):
        for side in (0, 1):
            assert kept[side].tolist() == pytest.approx(by_hand[side], abs=1e-5)
    policy = sequence_log_p(disturbed(begun.model), data)
    losses, logs = pair_losses(begun.model, data.batch([0, 1, 2]), config)
    wanted = [trl_loss(*both, config) for both in zip(policy, reference, strict=True)]
    assert losses.tolist() == pytest.approx(wanted, abs=1e-4)
    if config == DPOLoss():
        rewards = [
            [0.1 * (sum(p) - sum(r)) for p, r in zip(*both, strict=True)]
            for both in zip(policy, reference, strict=True)
        ]
        assert logs["reward_chosen"].tolist() == pytest.approx([chosen for chosen, _ in rewards], abs=1e-4)
        assert logs["reward_rejected"].tolist() == pytest.approx([rejected for _, rejected in rewards], abs=1e-4)
        assert logs["margin"].tolist() == pytest.approx([a - b for a, b in rewards], abs=1e-4)
        assert logs["accuracy"].tolist() == [float(a > b) for a, b in rewards]
        assert (logs["kl"] > 0).all()
        found = measure(begun.model, data, config, 2, begun.runtime)
        assert found["loss"] == pytest.approx(sum(wanted) / 3, abs=1e-4)
        assert found["margin"] == pytest.approx(sum(a - b for a, b in rewards) / 3, abs=1e-4)


def test_the_loop_divides_by_pairs(chat_base: Path) -> None:
    begun = tiny.start(chat_base)
    data = some_pairs(begun)
    data.ask_reference(begun.model, 2, begun.runtime)
    disturbed(begun.model)
    stage = DPOStage(data, DPOConfig(batch_rows=3), 2, begun.runtime)
    found = Gradients(stage, begun.model, tiny.CPU, False).compute(stage.batches(0), 1.0)
    losses, logs = pair_losses(begun.model, data.batch([0, 1, 2]), DPOLoss())
    assert found["loss"] == pytest.approx(float(losses.detach().mean()), abs=1e-5)
    assert found["margin"] == pytest.approx(float(logs["margin"].mean()), abs=1e-5)


def test_what_counts_is_what_the_assistant_wrote_in_its_answer(chat_base: Path) -> None:
    begun = tiny.start(chat_base)
    call = assistant("", ToolCall("calculator", {"expression": "3+4"}))
    row = encode(begun.chat, (user("a"), assistant("b"), user("3+4?")), (call, tool("7"), assistant("It is 7.")))
    counted = begun.tokenizer.decode([id for id, counts in zip(row.ids, row.counted, strict=True) if counts])
    assert counted == f"<tool_call>{call.tool_calls[0].to_json()}</tool_call><|im_end|>It is 7.<|im_end|>"
    batch = some_pairs(begun).batch([0])
    targets = batch.targets[0][batch.targets[0] != IGNORE].tolist()
    assert begun.tokenizer.decode(targets) == counted


def test_every_pair_once_an_epoch() -> None:
    rows = [(dpo.Row((i, i), (False, True)), dpo.Row((i, i + 1), (False, True))) for i in range(7)]
    data = PairData(rows, 0)
    epochs = [[data.numbered(i, 3) for i in range(first, first + 7)] for first in (0, 7, 14)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert epochs[0] != epochs[1]
    assert data.numbered(2, 3) == epochs[0][2]  # going back


def test_it_learns_to_prefer(config: DPOConfig, tmp_path: Path) -> None:
    loop = dataclasses.replace(config.loop, num_steps=30)
    rates = OptimConfig(matrix_lr=0.002, embed_lr=0.01, ngram_lr=0.01, head_lr=0.0005)
    dpo.main(dataclasses.replace(config, loop=loop, optim=rates, preference=DPOLoss(beta=0.5, nll=0)))
    run = tmp_path / "run"
    losses = tiny.metric(run, "loss")
    assert losses[0] == pytest.approx(0.6931, abs=1e-3)  # ln 2: the model is its own reference
    assert losses[-1] < 0.2
    assert tiny.metric(run, "accuracy")[-1] == 1.0
    assert tiny.metric(run, "validation_accuracy")[-1] == 1.0
    assert tiny.metric(run, "validation_margin")[-1] > 1
    assert tiny.metric(run, "kl")[0] == pytest.approx(0, abs=1e-4)
    assert "prefers" not in (run / "report.md").read_text(encoding="utf-8")


def test_the_curriculums_pairs(chat_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dpo, "VALIDATION_PAIRS", 4)
    name = "curriculum:facts,unknown"
    pairs = list(itertools.islice(dpo.curriculum_pairs(name, "train", 1), 30))
    assert all(pair.chosen and pair.rejected and pair.chosen != pair.rejected for pair in pairs)
    assert not set(pairs) & set(itertools.islice(dpo.curriculum_pairs(name, "validation", 1), 30))
    dpo.main(tiny.stage_config(DPOConfig, chat_base, tmp_path / "run", data=(name,), pairs=48))
    assert len(tiny.metric(tmp_path / "run", "loss")) == 12


def test_lessons_without_pairs(config: DPOConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    from primer.tasks.curriculum.lessons import spelling

    lesson = spelling.LESSON
    plain = dataclasses.replace(lesson, question=lambda draw: dataclasses.replace(lesson.question(draw), rejected=()))
    monkeypatch.setattr("primer.tasks.curriculum.curriculum.all_lessons", lambda: (plain,))
    with pytest.raises(ConfigError, match=r"these lessons have no worse answers to prefer others to. Name more"):
        dpo.main(dataclasses.replace(config, data=("curriculum:spelling",)))


def test_pairs_longer_than_the_context_are_left_out(
    config: DPOConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    too_long = {"prompt": "hi", "chosen": "word " * 200, "rejected": "ho"}
    data = tiny.jsonl(tmp_path / "a.jsonl", [too_long] * 3 + better_and_worse(30))
    dpo.main(dataclasses.replace(config, data=(str(data),)))
    assert "29 pairs to learn from, 1 to measure with; 3 left out as longer than the context" in capsys.readouterr().out
    data = tiny.jsonl(tmp_path / "b.jsonl", [too_long] * 3)
    with pytest.raises(CorpusError, match="none of 2 pairs fits the model's context of 160 tokens"):
        dpo.main(dataclasses.replace(config, data=(str(data),), run=tmp_path / "b"))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": "hi", "chosen": "ho", "rejected": " ho "}, "chosen and rejected are equal, so that neither"),
        ({"prompt": "hi", "chosen": "ho"}, "not of a known shape"),
        ({"prompt": "hi", "chosen": "", "rejected": "ho"}, "a message of the assistant is empty"),
    ],
)
def test_bad_pairs(config: DPOConfig, tmp_path: Path, row: dict[str, str], said: str) -> None:
    data = tiny.jsonl(tmp_path / "a.jsonl", [*better_and_worse(20), row])
    config = dataclasses.replace(config, data=(str(data),))
    with pytest.raises(CorpusError, match=f"line 21: .*{said}.*--on-bad skip"):
        dpo.main(config)
    config = dataclasses.replace(config, on_bad="skip")
    assert sum(map(len, dpo.load_pairs(config))) == 20


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"preference": DPOLoss(beta=0)}, "--beta is 0, and must be above 0"),
        ({"preference": DPOLoss(label_smoothing=0.5)}, "at 0.5 and above no side is better"),
        ({"preference": DPOLoss(nll=-1)}, "--nll and --pairs are 0 or more"),
        ({"pairs": 1}, "holds 1 pairs; at least two are needed"),
    ],
)
def test_options_that_cannot_be(config: DPOConfig, changes: dict[str, Any], said: str) -> None:
    with pytest.raises((ConfigError, CorpusError), match=said):
        dpo.main(dataclasses.replace(config, **changes))


def test_the_reference_is_computed_once_and_kept(
    config: DPOConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An evaluation that fails costs nothing, and the run goes on with the reference that it began with."""
    whole = dataclasses.replace(config, run=tmp_path / "whole", save_every=0)
    dpo.main(whole)
    config = dataclasses.replace(config, save_every=0)
    with monkeypatch.context() as patch:
        patch.setattr(dpo, "measure", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            dpo.main(config)
    assert saved_steps(RunDir(tmp_path / "run")) == [6]
    monkeypatch.setattr(PairData, "ask_reference", lambda *_: pytest.fail("it is on disk"))
    dpo.main(dataclasses.replace(config, resume=True))
    assert tiny.same(tiny.final_weights(tmp_path / "run"), tiny.final_weights(tmp_path / "whole"))
    for key in ("loss", "validation_loss"):
        assert tiny.metric(tmp_path / "run", key) == tiny.metric(tmp_path / "whole", key)


def test_a_reference_that_is_not_the_runs(config: DPOConfig, pairs_file: Path, tmp_path: Path) -> None:
    data = tmp_path / "pairs.jsonl"
    data.write_bytes(pairs_file.read_bytes())
    config = dataclasses.replace(config, data=(str(data),))
    dpo.main(config)
    again = dataclasses.replace(config, resume=True)
    for name in ("reference.safetensors", "reference_validation.safetensors"):
        path = tmp_path / "run" / name
        whole = path.read_bytes()
        for damaged, said in (
            (whole[:-1] + bytes([whole[-1] ^ 1]), "is not as it was written"),
            (whole[: len(whole) // 2], "cannot be read"),
            (None, "cannot be read"),
        ):
            path.unlink()
            if damaged is not None:
                path.write_bytes(damaged)
            with pytest.raises(CheckpointError, match=f"{name} {said}.*Restore it, or begin anew in another --run"):
                dpo.main(again)
            path.write_bytes(whole)
    tiny.jsonl(data, better_and_worse(59))
    with pytest.raises(CheckpointError, match="is of other pairs: the data has changed since the run began"):
        dpo.main(again)


def test_more_ranks_than_pairs_to_measure(chat_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every rank must add up the same numbers, one without a pair too."""
    begun = tiny.start(chat_base)
    data = some_pairs(begun)
    data.ask_reference(begun.model, 2, begun.runtime)
    lengths = []

    def note(_: Runtime, tensor: Tensor) -> Tensor:
        lengths.append(tensor.numel())
        return torch.ones_like(tensor)

    monkeypatch.setattr(Runtime, "sum", note)
    for rank in (0, 5):
        measure(begun.model, data, DPOLoss(), 2, dataclasses.replace(tiny.CPU, rank=rank, world_size=6))
    assert lengths[0] == lengths[1] == 7


def test_ranks_share_out_the_reference(chat_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each asks of its own pairs alone, and the sum over the ranks is what one finds by itself."""
    begun = tiny.start(chat_base)
    alone = some_pairs(begun)
    alone.ask_reference(begun.model, 2, tiny.CPU)
    whole = torch.cat([answer for pair in alone.reference for answer in pair])
    parts, asked = [], []
    batch = PairData.batch
    monkeypatch.setattr(PairData, "batch", lambda data, numbers: asked.append(list(numbers)) or batch(data, numbers))
    monkeypatch.setattr(Runtime, "sum", lambda _, tensor: parts.append(tensor.clone()) or tensor)
    for rank in (0, 1):
        some_pairs(begun).ask_reference(begun.model, 2, dataclasses.replace(tiny.CPU, rank=rank, world_size=2))
    assert asked == [[0, 2], [1]]
    assert not (parts[0] * parts[1]).any()
    assert torch.allclose(parts[0] + parts[1], whole, atol=1e-6)


def test_sigkill_and_resume(chat_base: Path, pairs_file: Path, tmp_path: Path) -> None:
    whole, run = tmp_path / "whole", tmp_path / "run"
    dpo.main(tiny.stage_config(DPOConfig, chat_base, whole, data=(str(pairs_file),)))
    args = tiny.stage_options("dpo", chat_base, run, data=pairs_file)
    code, said = primer(args, tmp_path / "said", die_after=random.Random(4).randint(24, 40))
    assert code == -signal.SIGKILL, said
    assert saved_steps(RunDir(run))[-1] < 12
    code, said = primer(["dpo", "--run", str(run), "--resume"], tmp_path / "said")
    assert code == 0, said
    assert tiny.same(tiny.final_weights(run), tiny.final_weights(whole))
    assert tiny.metric(run, "loss") == tiny.metric(whole, "loss")


def test_two_ranks_are_one(chat_base: Path, pairs_file: Path, tmp_path: Path) -> None:
    alone, run = tmp_path / "alone", tmp_path / "run"
    dpo.main(tiny.stage_config(DPOConfig, chat_base, alone, data=(str(pairs_file),)))
    for rank in torchrun(tiny.stage_options("dpo", chat_base, run, data=pairs_file), tmp_path):
        code, said = rank.wait()
        assert code == 0, said
    # Adam's first steps are as large for a gradient of rounding errors as for any other.
    assert tiny.furthest(tiny.final_weights(run), tiny.final_weights(alone)) < 1e-3
    assert tiny.metric(run, "validation_loss") == pytest.approx(tiny.metric(alone, "validation_loss"), abs=1e-4)


def test_what_a_finished_run_prefers(config: DPOConfig, tmp_path: Path) -> None:
    dpo.main(config)
    found = dpo.examine(tmp_path / "run", config.runtime)
    assert found["before"]["count"] == found["after"]["count"] == 3
    assert found["after"]["reward_accuracy"] == tiny.metric(tmp_path / "run", "validation_accuracy")[-1]
    assert (tmp_path / "run" / "pairs.json").is_file()
