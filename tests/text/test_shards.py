import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from primer.core.errors import CorpusError, UserError
from primer.text.shards import (
    HEADER_BYTES,
    Manifest,
    ShardInfo,
    Shards,
    Totals,
    read_header,
    shard_dtype,
    write_shard,
)


def llm_c(path: Path, ids: list[int], magic: int = 20240520, version: int = 1) -> Path:
    """A shard as llm.c's data_common.py describes it, made with nothing but struct."""
    kind = "H" if magic == 20240520 else "I"
    header = [magic, version, len(ids)] + [0] * 253
    path.write_bytes(struct.pack("<256i", *header) + struct.pack(f"<{len(ids)}{kind}", *ids))
    return path


def test_shards_are_written_as_llm_c_writes_them(tmp_path: Path) -> None:
    ids = np.array([3, 1, 65535], dtype=np.uint16)
    write_shard(tmp_path / "ours.bin", [ids[:1], ids[1:]])
    assert (tmp_path / "ours.bin").read_bytes() == llm_c(tmp_path / "a.bin", [3, 1, 65535]).read_bytes()
    write_shard(tmp_path / "ours.bin", [np.array([70000, 2], dtype=np.uint32)])
    theirs = llm_c(tmp_path / "b.bin", [70000, 2], magic=20240801, version=7)
    assert (tmp_path / "ours.bin").read_bytes() == theirs.read_bytes()


def test_the_type_of_an_id_follows_the_vocabulary() -> None:
    assert shard_dtype(65536).itemsize == 2
    assert shard_dtype(65537).itemsize == 4


def test_public_shards_are_read_as_they_are(tmp_path: Path) -> None:
    llm_c(tmp_path / "fineweb_train_000001.bin", [9, 1, 2, 9, 3])
    llm_c(tmp_path / "fineweb_train_000002.bin", [9, 4, 9])
    llm_c(tmp_path / "fineweb_val_000000.bin", [9, 8])
    for source in (tmp_path, str(tmp_path / "fineweb_*.bin")):
        train = Shards.open(source, "train")
        assert (train.num_tokens, train.sizes, train.manifest) == (8, [5, 3], None)
        assert train.read(3, 4).tolist() == [9, 3, 9, 4]
        assert train.read(3, 4).dtype == np.int64
        assert [train.document_starts(i, 9).tolist() for i in range(2)] == [[0, 3], [0, 2]]
        assert Shards.open(source, "validation").read(0, 2).tolist() == [9, 8]


def test_uint32_shards_of_either_version_are_read(tmp_path: Path) -> None:
    for version in (1, 7):
        path = llm_c(tmp_path / "a.bin", [100_000, 2], magic=20240801, version=version)
        assert Shards.open(path, "train").read(0, 2).tolist() == [100_000, 2]


@given(st.lists(st.lists(st.integers(0, 65535), min_size=1, max_size=9), min_size=1, max_size=6), st.data())
@settings(max_examples=60, deadline=None)
def test_reading_is_slicing_the_whole_row(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[int]], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    shards = Shards([llm_c(folder / f"{i}.bin", ids) for i, ids in enumerate(files)])
    row = [id for ids in files for id in ids]
    start = data.draw(st.integers(0, len(row)))
    length = data.draw(st.integers(0, len(row) - start))
    assert shards.read(start, length).tolist() == row[start : start + length]
    for outside in ((-1, 1), (0, len(row) + 1), (len(row), 1)):
        with pytest.raises(IndexError):
            shards.read(*outside)


def test_what_is_no_whole_shard_is_refused(tmp_path: Path) -> None:
    good = llm_c(tmp_path / "good.bin", [1, 2, 3]).read_bytes()
    bad = tmp_path / "bad.bin"
    cases = {
        "is no token shard": (b"", b"short", np.arange(5000, dtype=np.uint16).tobytes()),
        "was cut short": (good[:-1], good[:HEADER_BYTES], good + b"\0"),
        "version 2": (llm_c(tmp_path / "v.bin", [1], version=2).read_bytes(),),
        "without tokens": (good[:8] + bytes(4) + good[12:HEADER_BYTES],),
    }
    for message, contents in cases.items():
        for content in contents:
            bad.write_bytes(content)
            with pytest.raises(CorpusError, match=message):
                read_header(bad)
            with pytest.raises(CorpusError, match=r"bad\.bin"):
                Shards([tmp_path / "good.bin", bad])


def test_shards_of_different_types_do_not_mix(tmp_path: Path) -> None:
    paths = [llm_c(tmp_path / "a.bin", [1]), llm_c(tmp_path / "b.bin", [1], 20240801, 7)]
    with pytest.raises(CorpusError, match=r"a\.bin holds uint16 and .*b\.bin uint32"):
        Shards(paths)


def test_a_split_that_is_not_there(tmp_path: Path) -> None:
    llm_c(tmp_path / "tokens.bin", [1, 2])
    assert Shards.open(tmp_path, "train").num_tokens == 2  # no name says anything: all are for training
    with pytest.raises(CorpusError, match="no validation shards"):
        Shards.open(tmp_path, "validation")
    with pytest.raises(CorpusError, match="does not exist"):
        Shards.open(tmp_path / "nowhere", "train")
    with pytest.raises(CorpusError, match="no file matches"):
        Shards.open(tmp_path / "*.bim", "train")


def test_the_manifest_comes_back_as_it_was_and_is_obeyed(tmp_path: Path) -> None:
    shards = (ShardInfo("train_000000.bin", "train", Totals(1, 2, 3)),)
    manifest = Manifest("plays", "c0ffee", "7e57", 300, 299, 1000, shards)
    assert Manifest.load(tmp_path) is None
    manifest.save(tmp_path)
    assert Manifest.load(tmp_path) == manifest
    with pytest.raises(CorpusError, match="is not finished"):
        Shards.open(tmp_path, "train")

    Manifest(**{**vars(manifest), "is_complete": True}).save(tmp_path)
    with pytest.raises(CorpusError, match=r"train_000000\.bin is missing"):
        Shards.open(tmp_path, "train")
    llm_c(tmp_path / "train_000000.bin", [1, 2, 3])
    with pytest.raises(CorpusError, match="is not the shard"):
        Shards.open(tmp_path, "train")
    llm_c(tmp_path / "train_000000.bin", [1, 2])
    llm_c(tmp_path / "train_000001.bin", [1, 2])  # left over from something else
    assert Shards.open(tmp_path, "train").num_tokens == 2


def test_a_damaged_manifest_is_said(tmp_path: Path) -> None:
    for content in ("{", "{}", '{"splits": {}, "shards": []}', "[]"):
        (tmp_path / "manifest.json").write_text(content)
        with pytest.raises(UserError, match=r"manifest\.json"):
            Manifest.load(tmp_path)
