import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from primer.core.errors import CorpusError
from primer.text.readers import RowFormat, extension, read_file, read_lines

ROWS = RowFormat()
REPLACING = RowFormat(broken_utf8="replace")


def read(path: Path, rows: RowFormat = ROWS) -> list[str]:
    return list(read_file(path, rows))


def write_table(path: Path, **columns: pa.Array) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=2)
    return path


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("a.txt", ".txt"),
        ("A.MD", ".md"),
        ("a.b.jsonl.gz", ".jsonl"),
        ("a.txt.zst", ".txt"),
        ("x.parquet", ".parquet"),
    ],
)
def test_the_name_says_the_format(name: str, known: str) -> None:
    assert extension(Path(name)) == known


@pytest.mark.parametrize("name", ["a", "a.bin", "a.gz", "a.tar.gz", "a.parquet.gz", ".zst", "a.json"])
def test_other_names_are_not_known(name: str) -> None:
    assert extension(Path(name)) == ""


def test_a_text_file_is_one_document_without_mark_and_carriage_returns(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("\ufefföne\r\ntwo\rthree\n".encode())
    assert read(path) == ["öne\ntwo\nthree\n"]


def test_an_empty_file_is_no_document(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    (tmp_path / "b.txt").write_bytes(b"\xef\xbb\xbf")
    assert read(tmp_path / "a.txt") == read(tmp_path / "b.txt") == []


def test_compressed_files_are_read_through(tmp_path: Path) -> None:
    text = "Being your slave, what should I do but tend\n" * 20_000
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(text.encode()))
    # Two frames, as appending to a .zst file makes them.
    half = len(text) // 2
    frames = [zstandard.ZstdCompressor().compress(part.encode()) for part in (text[:half], text[half:])]
    (tmp_path / "a.txt.zst").write_bytes(b"".join(frames))
    assert read(tmp_path / "a.txt.gz") == read(tmp_path / "a.txt.zst") == [text]


def test_compressed_files_that_were_cut_or_damaged_are_refused(tmp_path: Path) -> None:
    text = bytes(range(1, 128)) * 5000
    for name, packed in (
        ("a.txt.gz", gzip.compress(text)),
        ("a.txt.zst", zstandard.ZstdCompressor(write_checksum=True).compress(text)),
    ):
        path = tmp_path / name
        for broken in (
            packed[: len(packed) // 2],
            packed[:-1],
            b"nonsense" + packed,
            packed[:40] + b"!" + packed[41:],
        ):
            path.write_bytes(broken)
            with pytest.raises(CorpusError, match=rf"{name} cannot be read"):
                read(path)


def test_broken_utf8_is_named_with_file_and_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfna\xefve\r\n")  # Latin-1 after a byte-order mark
    with pytest.raises(CorpusError, match=r"a\.txt is not UTF-8: byte 5 is 0xef .*--broken-utf8 replace"):
        read(path)
    assert read(path, REPLACING) == ["na\ufffdve\n"]


def test_broken_utf8_in_a_row_is_named_with_line_and_byte_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "one"}\n{"text": "tw\xff"}\n')
    with pytest.raises(CorpusError, match=r"a\.jsonl, line 2 is not UTF-8: byte 28 is 0xff"):
        read(path)
    assert read(path, REPLACING) == ["one", "tw\ufffd"]


def test_half_a_surrogate_pair_is_broken_utf8_too(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(r'{"text": "\ud83d\ude00 and \ud83d alone"}')
    with pytest.raises(CorpusError, match=r"line 1 is not UTF-8"):
        read(path)
    assert read(path, REPLACING)[0].encode().startswith("😀 and \ufffd".encode())


def test_jsonl_rows_keep_their_text_to_the_letter(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    texts = ["a\r\nb", "\u2028 is no line end here", "", None, "ende"]
    path.write_text("\ufeff" + "\n\n".join(json.dumps({"body": t}, ensure_ascii=False) for t in texts))
    assert read(path, RowFormat(field="body")) == [texts[0], texts[1], "ende"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{broken", r"a\.jsonl, line 2 is not JSON"),
        ("[1, 2]", r"a\.jsonl, line 2 is list, not an object"),
        ('{"txt": "x"}', r"line 2 has no field 'text': did you mean 'txt'\?.*--field"),
        ('{"text": 3}', r"line 2: the field 'text' holds int, not text"),
    ],
)
def test_a_bad_row_is_named_with_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "fine"}\n' + line + "\n")
    with pytest.raises(CorpusError, match=message):
        read(path)


def test_parquet_rows_come_in_order_over_row_groups(tmp_path: Path) -> None:
    texts = ["one", "two", None, "", "five"]
    path = write_table(tmp_path / "a.parquet", other=pa.array(range(5)), text=pa.array(texts))
    assert read(path) == ["one", "two", "five"]
    path = write_table(tmp_path / "b.parquet", text=pa.array(texts, pa.large_string()).dictionary_encode())
    assert read(path) == ["one", "two", "five"]


def test_parquet_with_the_wrong_or_no_field(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.parquet", texts=pa.array(["a"]), n=pa.array([1]))
    with pytest.raises(CorpusError, match=r"has no field 'text': did you mean 'texts'\?"):
        read(path)
    with pytest.raises(CorpusError, match=r"the field 'n' holds int64, not text"):
        read(path, RowFormat(field="n"))


def test_parquet_with_broken_utf8(tmp_path: Path) -> None:
    broken = pa.array([b"a", b"b", b"c\xe9"]).view(pa.string())  # pyarrow checks nothing here
    path = write_table(tmp_path / "a.parquet", text=broken)
    with pytest.raises(CorpusError, match=r"a\.parquet, row 3 is not UTF-8: byte 1"):
        read(path)
    assert read(path, REPLACING) == ["a", "b", "c\ufffd"]


def test_parquet_that_was_cut(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.parquet", text=pa.array(["some text"] * 100))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CorpusError, match="cannot be read"):
        read(path)


@given(st.lists(st.binary(max_size=8).map(lambda b: b.replace(b"\n", b"")), max_size=20), st.booleans())
@settings(max_examples=50, deadline=None)
def test_lines_are_those_of_the_file(tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], end: bool) -> None:
    path = tmp_path_factory.mktemp("lines") / "a.jsonl"
    path.write_bytes(b"\n".join(parts) + (b"\n" if end else b""))
    with path.open("rb") as file:
        assert list(read_lines(path)) == list(file)


def test_a_line_longer_than_the_pieces_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "x" * 300_000}) + "\n" + json.dumps({"text": "y"}))
    assert [len(text) for text in read(path)] == [300_000, 1]
