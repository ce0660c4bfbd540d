"""The loader of the hub, `datasets`, on local folders of the same shape: `org/name` is a relative path."""

import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from primer.core.errors import CorpusError, UserError
from primer.text.corpus import Corpus, CorpusConfig, open_corpus
from primer.text.hub import parse_hub_name

pytest.importorskip("datasets")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: str, texts: list[str | None], field: str = "text") -> None:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".parquet":
        pq.write_table(pa.table({"id": range(len(texts)), field: texts}), file)
    else:
        file.write_text("".join(json.dumps({"id": 1, field: text}) + "\n" for text in texts))


def opened(data: str, **options: object) -> Corpus:
    return open_corpus(CorpusConfig(data, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_published_splits_are_streamed(ending: str) -> None:
    write(f"org/name/train-00000.{ending}", ["a", "", None])
    write(f"org/name/train-00001.{ending}", ["b"])
    write(f"org/name/validation-00000.{ending}", ["c"])
    write(f"org/name/test-00000.{ending}", ["d"])
    corpus = opened("hf:org/name")
    for _ in range(2):
        assert list(corpus.documents("train")) == ["a", "b"]
        assert list(corpus.documents("validation")) == ["c"]
    assert corpus.fingerprint() == opened("hf:org/name").fingerprint()


def test_one_split_is_divided_by_the_rule_for_all() -> None:
    texts = [f"text {i}" for i in range(200)]
    write("org/name/train-00000.parquet", texts)
    write("plain.jsonl", texts)
    hub, file = opened("hf:org/name"), opened("plain.jsonl")
    for split in ("train", "validation"):
        assert list(hub.documents(split)) == list(file.documents(split))  # type: ignore[arg-type]


def test_a_split_can_be_named() -> None:
    write("org/name/train-00000.jsonl", ["a"])
    write("org/name/test-00000.jsonl", ["0123456789"])
    assert list(opened("hf:org/name:test").documents("train")) == ["012345678"]
    with pytest.raises(CorpusError, match=r"no split 'val': choose from: test, train"):
        opened("hf:org/name:val")


def test_a_subset_can_be_named() -> None:
    write("org/name/small/train.jsonl", ["0123456789"])
    write("org/name/large/train.jsonl", ["no"])
    (Path("org/name/README.md")).write_text(
        "---\nconfigs:\n- config_name: small\n  data_files: small/*.jsonl\n"
        "- config_name: large\n  data_files: large/*.jsonl\n---\n"
    )
    assert list(opened("hf:org/name:small").documents("train")) == ["012345678"]
    assert list(opened("hf:org/name:small:train").documents("validation")) == ["9"]
    with pytest.raises(CorpusError, match=r"hf:org/name:huge could not be opened.*huge"):
        opened("hf:org/name:huge")


def test_another_field() -> None:
    write("org/name/train.parquet", ["0123456789"], field="content")
    assert list(opened("hf:org/name", field="content").documents("validation")) == ["9"]
    with pytest.raises(CorpusError, match=r"no field 'text'.*--field"):
        list(opened("hf:org/name").documents("train"))


def test_a_dataset_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CorpusError, match=r"hf:nobody/nothing could not be opened.*give its folder"):
        opened("hf:nobody/nothing")


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r"pip install 'primer-lm\[hub\]'"):
        opened("hf:org/name")


def test_names() -> None:
    assert parse_hub_name("hf:a/b") == ("a/b", None, None)
    assert parse_hub_name("hf:a/b:c:d") == ("a/b", "c", "d")
    assert parse_hub_name("hf:a/b::d") == ("a/b", None, "d")
    for bad in ("hf:", "hf:a/b:c:d:e"):
        with pytest.raises(CorpusError, match="names no dataset"):
            parse_hub_name(bad)
