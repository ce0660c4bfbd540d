"""Fine-tuning: what is a target, what the loss is, that it learns, and that it goes on exactly."""

import dataclasses
import json
import random
import signal
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
import torch.nn.functional as F
from child import Command, primer, torchrun

from primer.core.errors import ConfigError, CorpusError
from primer.core.rundir import RunDir
from primer.core.runtime import Runtime
from primer.engine.dialogue import Dialogue, chat_engine
from primer.engine.sampling import SamplingConfig
from primer.evaluate.eval import EvalConfig, evaluate
from primer.evaluate.score import total
from primer.model.cache import Documents
from primer.model.gpt import GPT, IGNORE
from primer.model.weights import find_weights, load_model
from primer.tasks.curriculum.curriculum import Curriculum
from primer.text.chat import Message, Rendered, ToolCall, assistant, system, tool, user
from primer.train import sft
from primer.train.checkpoint import saved_steps
from primer.train.conversation_rows import ConversationRows
from primer.train.loop import Gradients, LoopConfig
from primer.train.mixture import open_mixture
from primer.train.sft import SFTConfig, SFTStage, conversation_losses, masked_batches, take, validation_loss

WITH_TOOLS = [
    system("Be brief."),
    user("3+4?"),
    assistant("", ToolCall("calculator", {"expression": "3+4"})),
    tool("7"),
    assistant("It is 7."),
]


def test_from_a_base_to_answers(chat_base: Path, tmp_path: Path) -> None:
    """One batch is learned by heart, and then said by the engine."""
    pairs = [("red?", "A rose."), ("blue?", "The sky."), ("green?", "A frog."), ("black?", "A crow.")]
    data = tiny.jsonl(tmp_path / "data.jsonl", [tiny.as_row([user(q), assistant(a)]) for q, a in 10 * pairs])
    loop = LoopConfig(num_steps=70, warmup_steps=2)
    config = tiny.stage_config(SFTConfig, chat_base, tmp_path / "run", data=(str(data),), loop=loop, eval_every=20)
    sft.main(config)
    losses = tiny.metric(tmp_path / "run", "loss")
    assert losses[0] == pytest.approx(5.7, abs=0.3)  # ln 300: it knows nothing
    assert losses[-1] < 0.05
    assert tiny.metric(tmp_path / "run", "validation_loss")[-1] < 0.5
    begun = tiny.start(tmp_path / "run")
    dialogue = Dialogue(chat_engine(begun.model, begun.chat), begun.chat)
    replies = dialogue.reply([[user(q)] for q, _ in pairs], SamplingConfig(temperature=0, max_tokens=20))
    assert [(reply.finished, reply.messages) for reply in replies] == [("stop", (assistant(a),)) for _, a in pairs]


def test_conversations_are_the_same_however_many_processes_write_them(
    chat_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sft, "WORTH_FORKING", 0)
    alone, begun = tiny.start(chat_base), tiny.start(chat_base)
    begun = dataclasses.replace(begun, runtime=dataclasses.replace(begun.runtime, threads=2))
    data = open_mixture(("curriculum",))
    found = [list(take(data, "train", 5, start, 100_000, 0.3)) for start in (alone, begun)]
    assert found[0] == found[1]
    assert sum(len(conversation.ids) for conversation in found[0]) >= 100_000
    plain = list(take(data, "train", 5, alone, 100_000))
    assert plain != found[0]
    decode = alone.tokenizer.decode
    assert all(decode(a.ids) == decode(b.ids) for a, b in zip(plain, found[0], strict=False))


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_of_words_that_is_none(chat_base: Path, conversations: Path, tmp_path: Path, share: float) -> None:
    config = tiny.stage_config(SFTConfig, chat_base, tmp_path / "run", data=(str(conversations),), cut_words=share)
    with pytest.raises(ConfigError, match="--cut-words"):
        sft.main(config)


def test_task_scores_beside_the_validation_loss(
    chat_base: Path, conversations: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of questions in words and of choices; the same as `primer eval` finds of the same weights."""
    rows = [{"question": f"Say a or b. {i}", "answer": "a"} for i in range(4)]
    choices = [{"question": f"Which? {i}", "choices": ["a", "b"], "answer": i % 2} for i in range(6)]
    names = []
    for name, some, file in (("words", rows, "validation"), ("choices", choices, "test")):
        (tmp_path / name).mkdir()
        tiny.jsonl(tmp_path / name / f"{file}.jsonl", some)
        names.append(f"custom:{tmp_path / name}")
    data = tiny.jsonl(
        tmp_path / "data.jsonl", [tiny.as_row([user(f"Say a or b. {i}"), assistant("a")]) for i in range(40)]
    )
    config = tiny.stage_config(
        SFTConfig, chat_base, tmp_path / "run", data=(str(data),), eval_tasks=tuple(names), eval_questions=5,
        loop=LoopConfig(num_steps=40, warmup_steps=2), eval_every=20,
    )  # fmt: skip
    sft.main(config)
    run = tmp_path / "run"
    words, shares = (tiny.metric(run, f"right_{name}") for name in names)
    assert len(words) == len(shares) == len(tiny.metric(run, "validation_loss")) == 2
    assert words[-1] == 1.0
    found = evaluate(EvalConfig(tasks=names[1], run=run, step=40, limit=5, runtime=config.runtime), tiny.CPU)
    assert shares[-1] == total(found.scores["custom"], "").accuracy
    assert f"{names[0]} 100.0% right of 4, {names[1]} {shares[-1]:.1%} right of 5" in capsys.readouterr().out
    assert "right custom" in (run / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"eval_tasks": ("svanp",)}, "did you mean 'svamp'"),
        ({"eval_tasks": ("curriculum",), "eval_questions": 0}, "--eval-questions is 0, and must be 1 or more"),
    ],
)
def test_tasks_that_cannot_be_asked(
    chat_base: Path, conversations: Path, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    config = tiny.stage_config(SFTConfig, chat_base, tmp_path / "run", data=(str(conversations),), **changes)
    with pytest.raises(ConfigError, match=said):
        sft.main(config)


def test_the_targets_are_what_the_assistant_writes(chat_base: Path) -> None:
    begun = tiny.start(chat_base)
    rows = ConversationRows([begun.chat.render(WITH_TOOLS)], 200, 0, begun.pad_id)
    (batch,) = masked_batches(rows, range(1), 4)
    assert batch.inputs.shape == batch.targets.shape == (1, 200)
    learned = begun.tokenizer.decode(batch.targets[batch.targets != IGNORE].tolist())
    call = '<tool_call>{"name": "calculator", "arguments": {"expression": "3+4"}}</tool_call>'
    assert learned == f"{call}<|im_end|>It is 7.<|im_end|>"
    assert batch.num_targets == sum(begun.chat.render(WITH_TOOLS).trained)


def test_the_loss_is_the_mean_over_targets(chat_base: Path) -> None:
    """However they are spread over rows and micro-batches."""
    begun = tiny.start(chat_base)
    talks = [[user("hi"), assistant(answer)] for answer in ("yes", "no, not at all, never", "perhaps", "so be it")]
    rendered = [begun.chat.render(talk) for talk in talks]
    rows = ConversationRows(rendered, tiny.CHAT_CONTEXT, 0, begun.pad_id)
    assert rows.num_rows < 4  # some share a row
    stage = SFTStage(rows, rows.num_rows, 1, tiny.CPU, begun.tokenizer.document_id)
    found = Gradients(stage, begun.model, tiny.CPU, False).compute(stage.batches(0), 1.0)["loss"]
    ids, trained = (torch.from_numpy(part) for part in rows.read(range(rows.num_rows)))
    with torch.no_grad():
        within = Documents(ids[:, :-1], begun.tokenizer.document_id)
        logits = begun.model.logits(begun.model.hidden(ids[:, :-1], within))
    losses = F.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")[trained[:, 1:]]
    assert len(losses) == sum(sum(each.trained) for each in rendered)
    assert found == pytest.approx(float(losses.mean()), abs=1e-5)
    found = validation_loss(begun.model, rows, 2, tiny.CPU, begun.tokenizer.document_id)
    assert found == pytest.approx(float(losses.mean()), abs=1e-5)


def test_no_conversation_sees_another(chat_base: Path) -> None:
    """Packed into one row each has the loss that it has alone (but for n-grams and neighbours at its first tokens)."""
    begun = tiny.start(chat_base)
    document_id = begun.tokenizer.document_id
    torch.manual_seed(0)
    model = GPT(dataclasses.replace(begun.model.config, ngrams=(), neighbours=0, repeats=3, zero_init=False))
    answers = ("yes", "no, not at all, never", "so be it")
    rendered = [begun.chat.render([user("hi"), assistant(answer)]) for answer in answers]

    def loss(*together: Rendered) -> float:
        rows = ConversationRows(together, tiny.CHAT_CONTEXT, 0, begun.pad_id)
        (batch,) = masked_batches(rows, range(rows.num_rows), 9)
        return float(conversation_losses(model, batch, document_id).sum().detach())

    assert ConversationRows(rendered, tiny.CHAT_CONTEXT, 0, begun.pad_id).num_rows < 3
    assert loss(*rendered) == pytest.approx(sum(map(loss, rendered)), rel=1e-5)


def test_validation_with_more_ranks_than_rows(chat_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = tiny.start(chat_base)
    rows = ConversationRows([begun.chat.render([user("hi"), assistant("ho")])], 48, 0, begun.pad_id)
    monkeypatch.setattr(Runtime, "sum", lambda _, tensor: tensor)  # of this rank alone
    second = dataclasses.replace(tiny.CPU, rank=1, world_size=2)
    assert validation_loss(begun.model, rows, 2, second, begun.tokenizer.document_id) == 0.0


def test_how_much_is_taken(chat_base: Path, conversations: Path) -> None:
    begun = tiny.start(chat_base)
    once = open_mixture([str(conversations)])
    assert len(list(take(once, "train", 1, begun, 0))) == 57
    endless = open_mixture(["curriculum:spelling"])
    lengths = [len(rendered.ids) for rendered in take(endless, "train", 1, begun, 500)]
    assert sum(lengths) >= 500 > sum(lengths[:-1])
    twice = list(take(once, "train", 1, begun, 3000))  # more than there is: it comes again
    assert len(twice) > 57
    assert len(list(take(once, "validation", 1, begun, 3000))) == 3  # to measure with, once is enough


def test_the_curriculum(chat_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tiny.stage_config(SFTConfig, chat_base, tmp_path / "run", data=("curriculum:facts+stories",))
    sft.main(config)
    assert len(tiny.metric(tmp_path / "run", "loss")) == 12
    assert "left out as too long" in capsys.readouterr().out


def test_conversations_longer_than_the_context(
    chat_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long, short = "word " * 200, [user("hi"), assistant("ho")]
    talks = [[user(long), assistant("ho")], [*short, user("go on"), assistant(long)], short]
    data = tiny.jsonl(tmp_path / "a.jsonl", [tiny.as_row(talk) for talk in 4 * talks])
    config = tiny.stage_config(SFTConfig, chat_base, tmp_path / "run", data=(str(data),), batch_rows=1, micro_rows=1)
    sft.main(config)
    said = capsys.readouterr().out
    cut, dropped = (int(said.split(mark)[0].split()[-1]) for mark in (" conversations cut to fit", " left out as too"))
    assert cut > 0
    assert dropped > 0
    only_long = tiny.jsonl(tmp_path / "b.jsonl", [tiny.as_row(talks[0])] * 4)
    with pytest.raises(CorpusError, match=r"none of .* conversations has an answer that ends within 161 tokens"):
        sft.main(dataclasses.replace(config, run=tmp_path / "b", data=(str(only_long),)))


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "the conversation is empty"),
        ([assistant("hi"), user("ho")], "the assistant speaks first"),
        ([user("hi"), Message("bot", "ho")], "unknown role 'bot'"),  # type: ignore[arg-type]
        ([user("hi"), tool("7"), assistant("ho")], "a tool that no assistant called"),
    ],
)
def test_bad_rows_are_refused_or_passed_over(
    chat_base: Path, conversations: Path, tmp_path: Path, messages: list[Message], said: str
) -> None:
    data = tmp_path / "data.jsonl"
    bad = json.dumps(tiny.as_row(messages)) + "\n"
    data.write_text(bad + conversations.read_text(encoding="utf-8"), encoding="utf-8")
    config = tiny.stage_config(
        SFTConfig, chat_base, tmp_path / "run", data=(str(data),), loop=LoopConfig(num_steps=1, warmup_steps=0)
    )
    with pytest.raises(CorpusError, match=f"line 1: .*{said}.*--on-bad skip"):
        sft.main(config)
    sft.main(dataclasses.replace(config, on_bad="skip"))
    assert saved_steps(RunDir(tmp_path / "run")) == [1]


def test_it_saves_before_it_evaluates(
    chat_base: Path, conversations: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny.stage_config(SFTConfig, chat_base, tmp_path / "run", data=(str(conversations),), save_every=0)
    whole = dataclasses.replace(config, run=tmp_path / "whole")
    sft.main(whole)
    with monkeypatch.context() as patch:
        patch.setattr(sft, "validation_loss", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            sft.main(config)
    assert saved_steps(RunDir(tmp_path / "run")) == [6]
    sft.main(dataclasses.replace(config, resume=True))
    assert tiny.same(tiny.final_weights(tmp_path / "run"), tiny.final_weights(tmp_path / "whole"))
    losses = [tiny.metric(tmp_path / run, "validation_loss") for run in ("run", "whole")]
    assert losses[0] == losses[1]


def test_other_data_on_resume(chat_base: Path, conversations: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_bytes(conversations.read_bytes())
    config = tiny.stage_config(SFTConfig, chat_base, tmp_path / "run", data=(str(data),))
    sft.main(config)
    data.write_text(data.read_text(encoding="utf-8").replace(" and ", " plus "), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"learns from has changed since it began. Restore the data, or start anew"):
        sft.main(dataclasses.replace(config, resume=True))


def test_sigkill_and_resume(chat_base: Path, conversations: Path, tmp_path: Path) -> None:
    options = {"data": conversations, "save_every": 2}
    whole = tmp_path / "whole"
    code, said = primer(tiny.stage_options("sft", chat_base, whole, **options), tmp_path / "said")
    assert code == 0, said
    rng, run, deaths = random.Random(3), tmp_path / "run", 0
    args = tiny.stage_options("sft", chat_base, run, **options)
    while code or not deaths:
        code, said = primer(args, tmp_path / "said", die_after=None if deaths else rng.randint(20, 40))
        assert code in (0, -signal.SIGKILL), said
        deaths += code != 0
        args = ["sft", "--run", str(run), "--resume"] if saved_steps(RunDir(run)) else args
    assert deaths == 1
    assert tiny.same(tiny.final_weights(run), tiny.final_weights(whole))
    assert tiny.metric(run, "loss") == tiny.metric(whole, "loss")


def test_ctrl_c(chat_base: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    args = tiny.stage_options("sft", chat_base, run, data="curriculum:spelling", num_steps=5000, eval_every=0)
    command = Command([*args, "--tokens", "2000"], tmp_path / "said")
    command.wait_until(lambda: len(tiny.metric(run, "loss")) > 2)
    command.send(signal.SIGINT)
    code, said = command.wait()
    assert code == 130, said
    assert f"everything is saved. Go on with: primer sft --run {run} --resume" in said
    assert saved_steps(RunDir(run))[-1] == len(tiny.metric(run, "loss"))


def test_two_ranks_are_one(chat_base: Path, conversations: Path, tmp_path: Path) -> None:
    alone, run = tmp_path / "alone", tmp_path / "run"
    sft.main(tiny.stage_config(SFTConfig, chat_base, alone, data=(str(conversations),)))
    for rank in torchrun(tiny.stage_options("sft", chat_base, run, data=conversations), tmp_path):
        code, said = rank.wait()
        assert code == 0, said
    assert tiny.furthest(tiny.final_weights(run), tiny.final_weights(alone)) < 1e-5
    assert tiny.metric(run, "validation_loss") == pytest.approx(tiny.metric(alone, "validation_loss"), abs=1e-5)


def test_nothing_of_the_validation_is_trained_on(conversations: Path) -> None:
    data = open_mixture([str(conversations), "curriculum:spelling"])
    asked = {split: data.questions(split, 300) for split in ("train", "validation")}
    written = {
        split: {repr(q.prompt + q.answer) for q in questions if "and" not in q.prompt[0].content}
        for split, questions in asked.items()
    }
    assert not written["train"] & written["validation"]
    assert isinstance(data.parts[1][0], Curriculum)


def test_the_best_is_what_the_next_stage_begins_with(chat_base: Path, conversations: Path, tmp_path: Path) -> None:
    config = tiny.stage_config(SFTConfig, chat_base, tmp_path / "run", data=(str(conversations),), eval_every=3)
    sft.main(config)
    losses = tiny.metric(tmp_path / "run", "validation_loss")
    best = find_weights(tmp_path / "run")
    assert best.name == f"step_{3 * (1 + losses.index(min(losses))):06d}"
    begun = tiny.start(tmp_path / "run")
    rows = sft.pack(take(open_mixture(config.data), "validation", 1, begun, 40_000), begun, 0)
    found = validation_loss(load_model(best), rows, 4, tiny.CPU, begun.tokenizer.document_id)
    assert found == pytest.approx(min(losses), abs=1e-5)
