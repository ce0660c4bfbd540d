"""`primer eval` on a run made here: a random model that can hardly answer, and files that must add up all the same."""

import functools
import json
import math
import os
import socket
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from child import FORKS, PATIENCE

from primer.core.errors import ConfigError, CorpusError, Interrupted, TokenizerError, UserError
from primer.core.files import read_json, write_json
from primer.core.runtime import RuntimeConfig
from primer.engine.sampling import SamplingConfig
from primer.evaluate.answers import NEVER_ENDED, TOO_LONG
from primer.evaluate.eval import EvalConfig, evaluate, main, num_slots, show, split_names
from primer.model.families import ShapeOverrides, shape
from primer.model.gpt import GPT
from primer.model.weights import load_model, save_model
from primer.tasks.rows import TaskError
from primer.text.tokenizer import Tokenizer, train_tokenizer

CONTEXT = 64
CPU = RuntimeConfig(device="cpu", dtype="float32", threads=1)


@functools.cache
def tokenizer() -> Tokenizer:
    return train_tokenizer([tiny.words(2000)], 300)


def save_step(run: Path, step: int, seed: int) -> None:
    """A checkpoint with random weights."""
    torch.manual_seed(seed)
    config = shape(
        "primer", 1, tokenizer().vocab_size, CONTEXT, ShapeOverrides(width=32, num_heads=2), ngram_buckets=64
    )
    model = GPT(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    folder = run / "checkpoints" / f"step_{step:06d}"
    folder.mkdir(parents=True, exist_ok=True)
    save_model(folder, model)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    save_step(path, 3, seed=0)
    tokenizer().save(path)
    write_json(path / "config.json", {"tokenizer_fingerprint": tokenizer().fingerprint})
    return path


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    rows = [{"question": f"{word} and", "answer": word, "group": "ab"[i % 2]} for i, word in enumerate(tiny.WORDS)]
    return write(tmp_path / "questions.jsonl", [*rows, {"question": "long " * 80, "answer": "no", "group": "a"}])


@pytest.fixture
def choices(tmp_path: Path) -> Path:
    rows = [
        {"question": f"{w}?", "choices": ["king", "queen", "lord"], "answer": i % 3} for i, w in enumerate(tiny.WORDS)
    ]
    return write(tmp_path / "choices.jsonl", rows)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    write(
        folder / "eval_data/a.jsonl",
        [{"query": w, "choices": ["x", "y"], "gold": i % 2} for i, w in enumerate(tiny.WORDS)],
    )
    write(folder / "eval_data/b.jsonl", [{"context": w, "continuation": "king"} for w in tiny.WORDS])
    entry = "- label: {0}\n  dataset_uri: {0}.jsonl\n  num_fewshot: [1]\n  icl_task_type: {1}\n"
    kinds = {"a": "multiple_choice", "b": "language_modeling", "c": "schema"}
    (folder / "core.yaml").write_text("icl_tasks:\n" + "".join(entry.format(*pair) for pair in kinds.items()))
    (folder / "eval_meta_data.csv").write_text("Eval Task,Random baseline\na,50\nb,0\nc,50\n")
    return folder


def config(run: Path, tasks: str, **changes: Any) -> EvalConfig:
    return EvalConfig(run, tasks, **{"sampling": SamplingConfig(temperature=0, max_tokens=6), "runtime": CPU} | changes)


def measured(run: Path, tasks: str, **changes: Any) -> dict[str, Any]:
    """What stands in the file afterwards."""
    evaluate(config(run, tasks, **changes), tiny.CPU)
    saved: dict[str, Any] = read_json(run / "evaluation" / "step_000003.json")
    return saved


def test_questions(run: Path, questions: Path) -> None:
    saved = measured(run, f"custom:{questions}")
    task = saved["tasks"]["custom"]
    assert (saved["run"], saved["step"], task["count"]) == ("run", 3, 15)
    assert set(task["groups"]) == {"a", "b"}
    assert task["groups"]["a"]["count"] + task["groups"]["b"]["count"] == 15
    assert task["troubles"][TOO_LONG] == 1
    assert task["troubles"].get(NEVER_ENDED, 0) + task["right"] <= 14
    assert 0 <= task["low"] <= task["accuracy"] <= task["high"] <= 1
    lines = (run / "evaluation" / "step_000003.transcripts.jsonl").read_text().splitlines()
    assert len(lines) == 15
    assert {json.loads(line)["task"] for line in lines} == {"custom"}


def test_pass_at_k(run: Path, questions: Path) -> None:
    sampling = SamplingConfig(temperature=1, max_tokens=6)
    saved = measured(run, f"custom:{questions}", samples=3, sampling=sampling)
    group = saved["tasks"]["custom"]["groups"]["b"]
    assert set(group["pass_at"]) == {"1", "2"}
    assert group["pass_at"]["1"] <= group["pass_at"]["2"]


def test_choices_as_text_and_as_chat(run: Path, choices: Path) -> None:
    for as_chat in (False, True):
        task = measured(run, f"custom:{choices}", choices_as_chat=as_chat)["tasks"]["custom"]
        assert task["count"] == 14


def test_core(run: Path, bundle: Path) -> None:
    task = measured(run, f"core:{bundle}")["tasks"]["core"]
    assert task["missing"] == ["c"]
    a = task["groups"]["a"]["accuracy"]
    assert task["centred"] == {"a": pytest.approx(2 * a - 1), "b": task["groups"]["b"]["accuracy"]}
    assert task["core"] == pytest.approx(sum(task["centred"].values()) / 2)
    assert measured(run, f"core:{bundle}", limit=5)["tasks"]["core"]["groups"]["a"]["count"] == 5


def test_the_curriculum(run: Path) -> None:
    task = measured(run, "curriculum:spelling", limit=6)["tasks"]["curriculum"]
    assert task["groups"]["spelling"]["count"] == 6
    assert task["groups"]["spelling"]["new_count"] == 2


def test_bits_per_byte_of_a_text(run: Path, text_file: Path) -> None:
    found = measured(run, f"bpb:{text_file}")["tasks"]["bpb"]
    text = text_file.read_text()
    held_out = text[int(len(text) * 0.9) :]
    ids = torch.tensor([tokenizer().document_id, *tokenizer().encode(held_out)])
    model = load_model(run / "checkpoints" / "step_000003")
    losses = [
        model.token_losses(ids[i : i + CONTEXT][None, : len(ids) - 1 - i], ids[i + 1 : i + 1 + CONTEXT][None])
        for i in range(0, len(ids) - 1, CONTEXT)
    ]
    nats = sum(float(loss.detach().sum()) for loss in losses)
    assert found["bits_per_byte"] == pytest.approx(nats / math.log(2) / len(held_out.encode()), rel=1e-4)


def test_what_was_measured_of_the_same_weights_is_kept(run: Path, questions: Path, choices: Path) -> None:
    measured(run, f"custom:{questions}")
    assert set(measured(run, "curriculum:spelling", limit=2)["tasks"]) == {"custom", "curriculum"}
    spoken = run / "evaluation" / "step_000003.transcripts.jsonl"
    assert Counter(json.loads(line)["task"] for line in spoken.read_text().splitlines()) == {
        "custom": 15,
        "curriculum": 2,
    }
    assert measured(run, f"custom:{choices}")["tasks"]["custom"]["count"] == 14
    save_step(run, 3, seed=1)
    assert set(measured(run, f"custom:{choices}")["tasks"]) == {"custom"}
    assert spoken.read_text() == ""


def spoken(run: Path) -> list[dict[str, Any]]:
    """The transcripts of the run's checkpoint."""
    lines = (run / "evaluation" / "step_000003.transcripts.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_resumed_it_asks_only_what_it_has_not_asked(
    run: Path, questions: Path, choices: Path, bundle: Path, text_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = f"custom:{questions},custom:{choices},core:{bundle},bpb:{text_file}"
    whole = measured(run, tasks, limit=9)
    told, said = list[str](), spoken(run)
    results = evaluate(config(run, f"{tasks},curriculum:spelling", limit=9, resume=True), tiny.CPU, told.append)
    assert told[1:] == [f"{name}: measured before" for name in tasks.split(",")]
    after = read_json(run / "evaluation" / "step_000003.json")
    assert after["tasks"].items() > whole["tasks"].items()
    assert [line for line in spoken(run) if line["task"] != "curriculum"] == said
    assert len(spoken(run)) == len(said) + 9
    show(results)  # what was kept beside what is new
    shown = capsys.readouterr().out
    assert all(words in shown for words in ("bits per byte", "CORE", "custom", "spelling"))


def test_resumed_it_asks_again_what_has_changed(run: Path, questions: Path) -> None:
    def asked_again(limit: int = 9) -> bool:
        told: list[str] = []
        evaluate(config(run, f"custom:{questions}", limit=limit, resume=True, batch=2), tiny.CPU, told.append)
        return not told[1:]

    assert asked_again()
    assert not asked_again()
    assert asked_again(limit=8)
    questions.write_text(questions.read_text().replace("king", "bishop"))
    assert asked_again(limit=8)
    assert not asked_again(limit=8)
    save_step(run, 3, seed=1)
    assert asked_again(limit=8)
    assert {line["task"] for line in spoken(run)} == {"custom"}


def test_interrupted_it_says_how_to_go_on(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("primer.evaluate.eval.ask", interrupt)
    monkeypatch.setattr("sys.argv", ["primer", "eval", "--run", "my run"])
    with pytest.raises(Interrupted, match="Go on with: primer eval --run 'my run' --resume"):
        main(config(run, "curriculum:spelling"))


def evaluate_rank(run: Path, tasks: str, env: dict[str, str]) -> None:
    """In a process of its own."""
    os.environ.update(env)
    main(config(run, tasks, limit=9))


def test_two_ranks_find_what_one_does(run: Path, questions: Path, bundle: Path) -> None:
    tasks = f"custom:{questions},core:{bundle},curriculum:spelling"
    alone = measured(run, tasks, limit=9)["tasks"]
    (run / "evaluation" / "step_000003.json").unlink()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        world = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": "2"}
    envs = [world | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(2)]
    ranks = [FORKS.Process(target=evaluate_rank, args=(run, tasks, env)) for env in envs]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(PATIENCE)
    assert [rank.exitcode for rank in ranks] == [0, 0]
    assert read_json(run / "evaluation" / "step_000003.json")["tasks"] == alone


def test_the_command_prints_tables(run: Path, questions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(config(run, f"custom:{questions}"))
    said = capsys.readouterr()
    assert "step_000003" in said.err
    for words in ("custom", "% right", "all", "1 prompt"):
        assert words in said.out


def test_lists_of_tasks() -> None:
    assert split_names("core:x, curriculum:a,b+c,gsm8k") == ["core:x", "curriculum:a+b+c", "gsm8k"]
    assert split_names("") == []
    with pytest.raises(ConfigError, match="twice"):
        split_names("gsm8k,gsm8k")


@pytest.mark.parametrize(
    ("tasks", "error", "message"),
    [
        ("gsm8", ConfigError, "did you mean 'gsm8k'"),
        ("curriculum,custom:/none.jsonl", TaskError, "does not exist"),
        ("bpb", ConfigError, "holds no text of its own"),
        ("bpb:/none.txt", CorpusError, "does not exist"),
        ("core", ConfigError, "core:FOLDER"),
    ],
)
def test_what_cannot_be_measured(run: Path, tasks: str, error: type[UserError], message: str) -> None:
    with pytest.raises(error, match=message):
        evaluate(config(run, tasks, limit=1), tiny.CPU)


def test_a_misspelt_name_costs_nothing(run: Path) -> None:
    with pytest.raises(ConfigError):
        evaluate(config(run, "curriculum:spelling,gsm8:x"), tiny.CPU)
    assert not (run / "evaluation").exists()


def test_shards_of_another_tokenizer(run: Path, shards_folder: Path) -> None:
    with pytest.raises(TokenizerError, match="another tokenizer"):
        evaluate(config(run, f"bpb:{shards_folder}"), tiny.CPU)


@pytest.mark.parametrize(
    "options",
    [{"samples": 0}, {"limit": -1}, {"max_calls": -1}, {"batch": 0}, {"samples": 4, "sampling": SamplingConfig(0)}],
)
def test_options_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        EvalConfig(**options)


def test_small_models_write_more_answers_side_by_side() -> None:
    rows = [num_slots(shape("primer", depth, 512, context)) for depth, context in ((2, 256), (4, 256), (12, 2048))]
    assert rows[0] == 256 > rows[1] > rows[2] == 64
