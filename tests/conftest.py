"""A text and its shards, made once a session. Its being here also puts `tiny` and `child` on the import path."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import tiny
import torch
import toys

from primer.tasks.registry import all_tasks
from primer.text.chat import Message, ToolCall, assistant, tool, user
from primer.text.corpus import CorpusConfig, open_corpus
from primer.text.prepare import prepare
from primer.text.tokenizer import train_tokenizer
from primer.train import sft
from primer.train.loop import LoopConfig


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Models this small are slower on two threads, above all where other tests run beside them."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten thousand characters, a few thousand words."""
    path = tmp_path_factory.mktemp("text") / "words.txt"
    path.write_text(tiny.words(2400), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def shards_folder(text_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That text, a token for each character."""
    folder = tmp_path_factory.mktemp("shards")
    corpus = open_corpus(CorpusConfig(data=str(text_file)))
    prepare(corpus, train_tokenizer(corpus.documents("train"), 0, "char"), folder, workers=1)
    return folder


@pytest.fixture(scope="session")
def documents_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hundred short documents, for packed rows."""
    path = tmp_path_factory.mktemp("documents")
    texts = [" ".join(tiny.words(8, seed).split()[: 1 + seed % 5]) for seed in range(200)]
    (path / "text.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    corpus = open_corpus(CorpusConfig(data=str(path / "text.jsonl")))
    prepare(corpus, train_tokenizer(texts, 0, "char"), path / "shards", workers=1)
    return path / "shards"


@pytest.fixture(scope="session")
def chat_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run for the stages after pretraining to start from."""
    return tiny.chat_base(tmp_path_factory.mktemp("chat_base"))


@pytest.fixture(scope="session")
def conversations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty short conversations."""
    rows = [tiny.as_row([user(question), assistant(answer)]) for question, answer in tiny.sums(60)]
    return tiny.jsonl(tmp_path_factory.mktemp("conversations") / "sums.jsonl", rows)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> toys.Toy:
    """A task of the name `toy`, for as long as the test lasts."""
    task = toys.Toy()
    monkeypatch.setitem(all_tasks(), "toy", lambda place: task)
    return task


def taught(base: Path, folder: Path, answers: Sequence[Sequence[Message]], steps: int) -> Path:
    """A run fine-tuned to answer `Say a or b.` in one of these ways."""
    rows = [[user(f"Say a or b. {i // len(answers)}"), *answers[i % len(answers)]] for i in range(10 * len(answers))]
    data = tiny.jsonl(folder / "data.jsonl", map(tiny.as_row, rows))
    loop = LoopConfig(num_steps=steps, warmup_steps=2)
    sft.main(tiny.stage_config(sft.SFTConfig, base, folder / "run", data=(str(data),), loop=loop, eval_every=0))
    return folder / "run"


@pytest.fixture(scope="session")
def toy_chat(chat_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that says a or b, as it likes."""
    answers = [[assistant(text)] for text in ("a", "b", "a b", "b b")]
    return taught(chat_base, tmp_path_factory.mktemp("toy"), answers, 30)


@pytest.fixture(scope="session")
def calling_chat(chat_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that asks the calculator, and then says a."""
    call = assistant("", ToolCall("calculator", {"expression": "6*7"}))
    return taught(chat_base, tmp_path_factory.mktemp("calling"), [[call, tool("42"), assistant("a")]], 60)
