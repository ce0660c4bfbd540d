"""Reinforcement learning: the loss by hand, rewards that rise, and runs that are stopped in the middle of a round."""

import dataclasses
import math
import random
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
import toys
from child import primer, torchrun

from primer.core.errors import ConfigError, TrainingError
from primer.core.rundir import RunDir
from primer.model.cache import Documents
from primer.model.gpt import GPT
from primer.model.optim import OptimConfig
from primer.model.weights import load_model
from primer.text.chat import Message
from primer.train import rl
from primer.train.checkpoint import saved_steps, step_folder
from primer.train.loop import Gradients
from primer.train.rl import PolicyLoss, RLConfig, RLStage, policy_losses
from primer.train.rollouts import Answer, Round, Sampler, read_round
from primer.train.stage import Start

FAST = OptimConfig(matrix_lr=0.03, embed_lr=0.2, ngram_lr=0.04, head_lr=0.02)
SMALL: dict[str, Any] = {"prompts": 2, "samples": 4, "max_tokens": 8, "eval_prompts": 2}


@pytest.fixture
def config(toy_chat: Path, toy: toys.Toy, tmp_path: Path) -> RLConfig:
    """Twelve steps on two prompts with four answers each."""
    return tiny.stage_config(RLConfig, toy_chat, tmp_path / "run", tasks=("toy",), optim=FAST, **SMALL)


ANSWERS = (
    Answer((5, 6, 7, 8, 9), (False, False, True, True, True), 0.75),
    Answer((5, 6, 8, 9), (False, False, True, True), -0.25),
    Answer((5, 6, 7, 3, 4, 8, 9), (False, False, True, False, False, True, True), -0.5),
)


def log_p_by_hand(model: GPT, answer: Answer) -> list[float]:
    """Of each id that the model has written, one row at a time."""
    ids = torch.tensor([answer.ids])
    with torch.no_grad():
        log_p = model.logits(model.hidden(ids[:, :-1])).float().log_softmax(dim=-1)
    each = log_p[0].gather(1, ids[0, 1:, None])[:, 0].tolist()
    return [p for p, by_model in zip(each, answer.written[1:], strict=True) if by_model]


def token_loss(now: float, before: float, reference: float, advantage: float, policy: PolicyLoss) -> float:
    """PPO's clipped loss, and the k3 estimate of the KL divergence (as trl's GRPOTrainer has them)."""
    ratio = math.exp(now - before)
    clipped = min(max(ratio, 1 - policy.clip_low), 1 + policy.clip_high)
    kl = math.exp(reference - now) - (reference - now) - 1
    return -min(ratio * advantage, clipped * advantage) + policy.kl * kl


def stage_of(start: Start, policy: PolicyLoss, answers: Sequence[Answer]) -> RLStage:
    """A stage whose first round has been sampled."""
    config = RLConfig(policy=policy, max_tokens=10)
    stage = RLStage(config, start, Sampler(dataclasses.replace(config, tasks=("toy",)), start), 2)
    stage.current = 0, Round(tuple(answers), {"reward": 0.5})
    return stage


@pytest.mark.parametrize("normalise", ["tokens", "answers", "constant"])
@pytest.mark.parametrize("kl", [0.0, 0.3])
def test_the_loss_by_hand(toy_chat: Path, toy: toys.Toy, tmp_path: Path, normalise: Any, kl: float) -> None:
    """After the model has moved, so that some ratios are clipped."""
    policy = PolicyLoss(normalise, clip_low=0.1, clip_high=0.2, kl=kl)
    begun = tiny.start(Path(shutil.copytree(toy_chat, tmp_path / "run")))
    reference = [log_p_by_hand(begun.model, answer) for answer in ANSWERS]
    before = [[p + shift for p in log_p] for log_p, shift in zip(reference, (0.3, -0.4, 0.01), strict=True)]
    kept = [dataclasses.replace(a, log_p=tuple(b)) for a, b in zip(ANSWERS, before, strict=True)]
    stage = stage_of(begun, policy, kept)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        begun.model.head.weight.add_(0.05 * torch.randn(begun.model.head.weight.shape, generator=generator))
    now = [log_p_by_hand(begun.model, answer) for answer in ANSWERS]
    losses = [
        [token_loss(n, b, r, answer.advantage, policy) for n, b, r in zip(*log_p, strict=True)]
        for answer, *log_p in zip(ANSWERS, now, before, reference, strict=True)
    ]
    wanted = {
        "tokens": sum(map(sum, losses)) / 8,
        "answers": sum(sum(each) / len(each) for each in losses) / 3,
        "constant": sum(map(sum, losses)) / (3 * 10),
    }[normalise]
    found = Gradients(stage, begun.model, tiny.CPU, False).compute(stage.batches(0), 1.0)
    assert found["loss"] == pytest.approx(wanted, abs=1e-5)
    assert found["reward"] == pytest.approx(0.5)
    ratios = [math.exp(a - b) for both in zip(now, before, strict=True) for a, b in zip(*both, strict=True)]
    assert min(ratios) < 0.9
    assert max(ratios) > 1.2  # both bounds are in play
    if kl:
        by_hand = [
            math.exp(r - n) - (r - n) - 1
            for both in zip(reference, now, strict=True)
            for r, n in zip(*both, strict=True)
        ]
        assert found["kl"] > 0
        if normalise == "tokens":
            assert found["kl"] == pytest.approx(sum(by_hand) / 8, abs=1e-5)


def test_in_a_single_step_the_gradient_is_reinforces(toy_chat: Path, toy: toys.Toy) -> None:
    """The ratio is 1, and its derivative that of log p."""
    begun = tiny.start(toy_chat)
    stage = stage_of(begun, PolicyLoss(), ANSWERS)
    Gradients(stage, begun.model, tiny.CPU, False).compute(stage.batches(0), 1.0)
    found = {name: p.grad.to_dense() for name, p in begun.model.named_parameters() if p.grad is not None}
    begun.model.zero_grad()
    loss = torch.tensor(0.0)
    for answer in ANSWERS:
        batch = stage.batch([answer])
        loss = loss + answer.advantage * begun.model.token_losses(batch.inputs, batch.targets).sum() / 8
    loss.backward()
    wanted = {name: p.grad.to_dense() for name, p in begun.model.named_parameters() if p.grad is not None}
    assert max(float((found[name] - wanted[name]).abs().max()) for name in wanted) < 1e-6


def test_replayed_rows_hold_what_has_moved(toy_chat: Path, toy: toys.Toy) -> None:
    """Nothing is added to the answers' gradient at first; then half the mean square of what moved, times the weight."""
    begun = tiny.start(toy_chat)
    alone = stage_of(begun, PolicyLoss(), ANSWERS)
    config = dataclasses.replace(
        alone.config, replay=("curriculum:facts",), replay_rows=4, replay_weight=0.5, micro_rows=2
    )
    rows = rl.replayed_rows(config, begun)
    assert rows is not None
    both = RLStage(config, begun, alone.sampler, 2, rows)
    both.current = alone.current

    def gradient(stage: Any) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
        begun.model.zero_grad()
        metrics = Gradients(stage, begun.model, tiny.CPU, False).compute(stage.batches(0), 1.0)
        named = begun.model.named_parameters()
        return metrics, {name: p.grad.to_dense().clone() for name, p in named if p.grad is not None}

    def log_p() -> list[torch.Tensor]:
        batches = rows.batches(0)
        return [-begun.model.token_losses(b.inputs, b.targets, Documents(b.inputs, rows.document_id)) for b in batches]

    before = [part.detach() for part in log_p()]
    (_, of_answers), (found, of_both) = map(gradient, (alone, both))
    assert found["replay_loss"] < 1e-9
    for name, wanted in of_answers.items():
        assert torch.allclose(of_both[name], wanted, atol=1e-7), name

    with torch.no_grad():
        for weight in begun.model.parameters():
            weight += 0.05 * torch.randn_like(weight)
    (answers, of_answers), (found, of_both) = map(gradient, (alone, both))
    begun.model.zero_grad()
    num_targets = sum(batch.num_targets for batch in rows.batches(0))
    squares = sum((now - then).square().sum() for now, then in zip(log_p(), before, strict=True))
    held = 0.5 * squares / 2 / num_targets
    held.backward()  # type: ignore[union-attr]
    assert held.item() > 1e-3
    assert found["replay_loss"] == pytest.approx(held.item(), rel=1e-4)
    assert found["loss"] == pytest.approx(answers["loss"] + held.item(), rel=1e-4)
    assert found["reward"] == pytest.approx(answers["reward"])
    for name, weight in begun.model.named_parameters():
        if weight.grad is not None and name in of_answers:
            assert torch.allclose(of_both[name], of_answers[name] + weight.grad.to_dense(), atol=1e-5), name


def test_other_conversations_to_replay_on_resume(config: RLConfig, tmp_path: Path) -> None:
    said = tmp_path / "said.jsonl"
    rows = [[Message("user", f"Say {n}."), Message("assistant", f"It is {n}.")] for n in range(40)]
    tiny.jsonl(said, [tiny.as_row(row) for row in rows])
    config = dataclasses.replace(config, replay=(str(said),), replay_rows=2)
    rl.main(config)
    first, *others = tiny.metric(config.run, "replay_loss")
    assert first < 1e-9  # nothing has moved
    assert min(others) > 0
    tiny.jsonl(said, [tiny.as_row(row) for row in rows[:30]])
    with pytest.raises(ConfigError, match=r"learns from has changed since it began. Restore the data, or start anew"):
        rl.main(dataclasses.replace(config, resume=True))


@pytest.mark.parametrize(
    ("ratio", "advantage", "gradient"),
    [(1.1, 1.0, True), (1.35, 1.0, False), (0.5, 1.0, True), (0.75, -1.0, False), (0.9, -1.0, True), (1.5, -1.0, True)],
)
def test_what_is_clipped(ratio: float, advantage: float, gradient: bool) -> None:
    """A token that has moved far enough in the direction it was pushed in is let go, and only then."""
    log_p = torch.tensor([math.log(ratio)], requires_grad=True)
    policy_losses(log_p, torch.zeros(1), torch.tensor([advantage]), PolicyLoss()).sum().backward()
    assert log_p.grad is not None
    assert bool(log_p.grad != 0) == gradient


def test_rewards_rise(config: RLConfig, tmp_path: Path, toy: toys.Toy) -> None:
    loop = dataclasses.replace(config.loop, num_steps=16)
    rl.main(dataclasses.replace(config, samples=8, prompts=4, eval_prompts=10, loop=loop))
    run = tmp_path / "run"
    rewards, pass_1 = tiny.metric(run, "reward"), tiny.metric(run, "pass@1")
    assert len(rewards) == 16
    # Bounds that hold for every seed and in bfloat16: the processor's rounding decides what is sampled.
    assert sum(rewards[-3:]) / 3 > sum(rewards[:3]) / 3 + 0.1
    assert pass_1[-1] > pass_1[0] + 0.25
    assert len(tiny.metric(run, "pass@8")) == 4  # the first before anything is trained
    assert "pass" not in (run / "config.json").read_text(encoding="utf-8")
    assert not (run / "rounds").exists()  # a round of one step is never gone on with


def test_the_curriculum(toy_chat: Path, tmp_path: Path) -> None:
    rl.main(
        tiny.stage_config(
            RLConfig, toy_chat, tmp_path / "run", loop=dataclasses.replace(RLConfig().loop, num_steps=2), **SMALL
        )
    )
    assert saved_steps(RunDir(tmp_path / "run"))[-1] == 2


class Stop(Exception):
    """Something that nobody has thought of."""


@pytest.mark.parametrize(("save_every", "stops_in"), [(7, 6), (3, 2), (4, 3)])
def test_stopped_in_the_middle_of_a_round(
    config: RLConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save_every: int, stops_in: int
) -> None:
    """Rounds of two steps, the newest checkpoint after the first of them, and other rounds begun since."""
    loop = dataclasses.replace(config.loop, num_steps=14)
    config = dataclasses.replace(config, minibatches=2, save_every=save_every, eval_every=0, loop=loop)
    whole = dataclasses.replace(config, run=tmp_path / "whole")
    rl.main(whole)
    ask = Sampler.round

    def stopping(sampler: Sampler, number: int) -> Round:
        if number == stops_in:
            raise Stop
        return ask(sampler, number)

    with monkeypatch.context() as patch:
        patch.setattr(Sampler, "round", stopping)
        with pytest.raises(Stop):
            rl.main(config)
    assert saved_steps(RunDir(tmp_path / "run"))[-1] == save_every
    rl.main(dataclasses.replace(config, resume=True))
    assert tiny.same(tiny.final_weights(tmp_path / "run"), tiny.final_weights(tmp_path / "whole"))
    for key in ("loss", "reward"):
        assert tiny.metric(tmp_path / "run", key) == tiny.metric(tmp_path / "whole", key)
    kept = sorted(path.name for path in (tmp_path / "run" / "rounds").iterdir())
    assert kept[0] > "round_000000"  # old ones go


def test_it_saves_before_it_evaluates(config: RLConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = dataclasses.replace(config, save_every=0, eval_every=3, minibatches=2)
    rl.main(dataclasses.replace(config, run=tmp_path / "whole"))
    with monkeypatch.context() as patch:
        patch.setattr(rl, "is_right", lambda *_: 1 / 0 if saved_steps(RunDir(tmp_path / "run")) else True)
        with pytest.raises(ZeroDivisionError):
            rl.main(config)
    assert saved_steps(RunDir(tmp_path / "run")) == [3]
    rl.main(dataclasses.replace(config, resume=True))
    assert tiny.same(tiny.final_weights(tmp_path / "run"), tiny.final_weights(tmp_path / "whole"))
    assert tiny.metric(tmp_path / "run", "pass@1")[1:] == tiny.metric(tmp_path / "whole", "pass@1")[1:]


def test_checks_that_all_raise_lose_nothing(config: RLConfig, tmp_path: Path, toy: toys.Toy) -> None:
    """What was trained until then is saved, and once the task is mended the run goes on."""
    rl.main(dataclasses.replace(config, run=tmp_path / "whole"))
    num_judged = 0

    def breaks(number: int, messages: Sequence[Message]) -> float:
        nonlocal num_judged
        num_judged += 1
        return toys.says_a(messages) if num_judged < 20 else 1 / 0  # from the second round on

    toy.check = breaks
    with pytest.raises(
        TrainingError, match=r"the check raised ZeroDivisionError.*Mend the task's check, and go on with"
    ):
        rl.main(dataclasses.replace(config, save_every=0, eval_every=0))
    (step,) = saved_steps(RunDir(tmp_path / "run"))
    assert step == len(tiny.metric(tmp_path / "run", "loss")) > 0


def test_the_reference_stays_though_its_source_goes(config: RLConfig, toy_chat: Path, tmp_path: Path) -> None:
    source = Path(shutil.copytree(toy_chat, tmp_path / "source"))
    config = dataclasses.replace(config, source=source, policy=PolicyLoss(kl=0.1), eval_every=0)
    rl.main(config)
    assert tiny.metric(tmp_path / "run", "kl")[0] == pytest.approx(0, abs=1e-6)
    assert tiny.metric(tmp_path / "run", "kl")[-1] > 0
    whole = {name: tensor.clone() for name, tensor in tiny.final_weights(tmp_path / "run").items()}
    shutil.rmtree(source)
    for step in saved_steps(RunDir(tmp_path / "run"))[1:]:
        shutil.rmtree(step_folder(RunDir(tmp_path / "run"), step))
    rl.main(dataclasses.replace(config, resume=True))
    assert tiny.same(tiny.final_weights(tmp_path / "run"), whole)


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy as a file, for processes of their own."""
    rows = [{"question": f"Say a or b. {i}", "answer": "a"} for i in range(60)]
    return tiny.jsonl(tmp_path_factory.mktemp("letters") / "train.jsonl", rows)


def options(source: Path, letters: Path, run: Path, **changes: Any) -> list[str]:
    """Rounds of two steps, as a command line."""
    return tiny.stage_options("rl", source, run, tasks=f"custom:{letters}", minibatches=2, **SMALL | changes)


def test_sigkill_and_resume(toy_chat: Path, letters: Path, tmp_path: Path) -> None:
    whole, run = tmp_path / "whole", tmp_path / "run"
    config = tiny.stage_config(RLConfig, toy_chat, whole, tasks=(f"custom:{letters}",), minibatches=2, **SMALL)
    rl.main(config)
    args = options(toy_chat, letters, run)
    code, said = primer(args, tmp_path / "said", die_after=random.Random(2).randint(28, 44))
    assert code == -signal.SIGKILL, said
    assert 0 < saved_steps(RunDir(run))[-1] < 12
    code, said = primer(["rl", "--run", str(run), "--resume"], tmp_path / "said")
    assert code == 0, said
    assert tiny.same(tiny.final_weights(run), tiny.final_weights(whole))
    assert tiny.metric(run, "loss") == tiny.metric(whole, "loss")


def test_two_ranks_sample_for_themselves_and_stay_equal(toy_chat: Path, letters: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    args = options(toy_chat, letters, run, num_steps=4, save_every=2, eval_every=0, prompts=4)
    args += ["--replay", "curriculum:facts", "--replay-rows", "2"]
    for rank in torchrun(args, tmp_path):
        code, said = rank.wait()
        assert code == 0, said
    assert saved_steps(RunDir(run)) == [2, 4]
    begun = tiny.start(run)
    begun.model = load_model(step_folder(RunDir(run), 2))  # that sampled the second round
    stage = RLStage(RLConfig(minibatches=2), begun, Sampler(RLConfig(tasks=(f"custom:{letters}",)), begun), 4)
    rounds = [read_round(run / "rounds" / f"round_000001_rank_{rank}.json") for rank in (0, 1)]
    assert {answer.ids for answer in rounds[0].answers} != {answer.ids for answer in rounds[1].answers}
    for found in rounds:
        for answer, again in zip(found.answers, stage.with_log_p(found.answers), strict=True):
            assert answer.log_p == pytest.approx(again.log_p, abs=1e-5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"samples": 1}, "--samples is 1: an answer is judged against others, so 2 or more"),
        ({"prompts": 0}, "--prompts, --minibatches, --max-tokens and --eval-prompts are 1 or more"),
        ({"temperature": 0.0}, "--temperature is 0.0: at 0 all answers to a prompt are the same"),
        ({"policy": PolicyLoss(clip_low=-0.1)}, "--clip-low, --clip-high, --kl and --resample are 0 or more"),
        ({"replay_rows": 0}, "--replay-rows is 1 or more, and --replay-weight 0 or more"),
        ({"replay": ("svanp",)}, "did you mean 'svamp'"),
        ({"tasks": ("svanp",)}, "did you mean 'svamp'"),
        ({"tools": "pyhton"}, "there is no tool 'pyhton'; did you mean 'python'"),
        ({"tasks": ()}, "names nothing to train on"),
    ],
)
def test_options_that_cannot_be(config: RLConfig, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        rl.main(dataclasses.replace(config, **changes))
