"""The three tokenizer commands, from their command lines to what they print."""

import json
from pathlib import Path

import pytest
import tyro

from primer.core.errors import ConfigError, TokenizerError, UserError
from primer.text.tokenizer import Tokenizer, train_tokenizer
from primer.text.tokenizer_commands import COMMANDS, SAMPLES, coloured, open_tokenizer, visible

TEXT = "The cat sat on the mat; the dog did not. “Zwölf,” said the cat.\n" * 40


def primer_tokenizer(*arguments: object) -> None:
    """`primer tokenizer …`"""
    config, command = COMMANDS[str(arguments[0])]
    command(tyro.cli(config, args=[str(argument) for argument in arguments[1:]]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    train_tokenizer([TEXT], 300).save(tmp_path / "tokenizer")
    return tmp_path / "tokenizer"


@pytest.fixture
def gpt2_folder(folder: Path, tmp_path: Path) -> Path:
    """GPT-2's two files, with a small vocabulary in them."""
    model = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    gpt2 = tmp_path / "gpt2"
    gpt2.mkdir()
    (gpt2 / "vocab.json").write_text(json.dumps({**model["vocab"], "<|endoftext|>": len(model["vocab"])}))
    (gpt2 / "merges.txt").write_text(
        "#version: 0.2\n" + "\n".join(map(" ".join, model["merges"])) + "\n", encoding="utf-8"
    )
    return gpt2


class TestTrain:
    @pytest.mark.parametrize("kind", ["bpe", "char"])
    def test_trains_on_a_file(self, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        corpus = tmp_path / "corpus.txt"
        corpus.write_text(TEXT, encoding="utf-8")
        primer_tokenizer("train", corpus, "--vocab-size", 300, "--kind", kind, "--out", tmp_path / "out")
        tokenizer = Tokenizer.load(tmp_path / "out")
        assert tokenizer.kind == kind
        assert tokenizer.decode(tokenizer.encode(TEXT)) == TEXT
        assert f"{kind} tokenizer of {tokenizer.vocab_size} tokens" in capsys.readouterr().out

    def test_a_text_too_short_says_what_is_possible(self, tmp_path: Path) -> None:
        corpus = tmp_path / "corpus.txt"
        corpus.write_text(TEXT, encoding="utf-8")
        with pytest.raises(TokenizerError, match="Use a vocabulary of at most"):
            primer_tokenizer("train", corpus, "--out", tmp_path / "out")
        assert not (tmp_path / "out").exists()


class TestShow:
    def test_a_text(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        primer_tokenizer("show", "The cat <|im_end|> [bold]\n7", "--tokenizer", folder)
        shown = capsys.readouterr().out
        tokenizer = Tokenizer.load(folder)
        assert "·cat" in shown
        assert "[" in shown  # nothing is taken for rich's markup
        for id in tokenizer.encode("The cat <|im_end|> [bold]\n7"):
            assert str(id) in shown.split()
        assert str(tokenizer.special_ids["<|im_end|>"]) not in shown.split()

    def test_lines_fit_and_pair_tokens_with_ids(self, folder: Path) -> None:
        tokenizer = Tokenizer.load(folder)
        ids = tokenizer.encode("The dog 你好\n\n said é " * 9)
        lines = list(coloured(tokenizer, ids, width=40))
        assert all(line.cell_len <= 40 for line in lines)
        assert " ".join(line.plain for line in lines[1::2]).split() == [str(id) for id in ids]

    def test_bytes_and_controls_are_visible(self) -> None:
        assert visible("é".encode()[:1]) == "\\xc3"
        assert visible(b"\t\x1b[31m\n") == "→\\x1b[31m⏎"

    def test_a_file(self, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "a.py"
        file.write_bytes(b"the cat \xff")
        primer_tokenizer("show", "--file", file, "--tokenizer", folder)
        assert "·cat" in capsys.readouterr().out

    def test_neither_text_nor_file_or_both(self, folder: Path) -> None:
        with pytest.raises(ConfigError, match="give a text"):
            primer_tokenizer("show", "--tokenizer", folder)
        with pytest.raises(ConfigError, match="not both"):
            primer_tokenizer("show", "text", "--file", "a.txt", "--tokenizer", folder)

    @pytest.mark.parametrize("name", ["a.txt", "a.py"])
    def test_missing_and_empty_files(self, name: str, folder: Path, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=name):
            primer_tokenizer("show", "--file", tmp_path / name, "--tokenizer", folder)
        (tmp_path / name).touch()
        with pytest.raises(UserError, match=f"{name} is empty"):
            primer_tokenizer("show", "--file", tmp_path / name, "--tokenizer", folder)


class TestEval:
    def test_a_table_beside_gpt2(
        self, folder: Path, gpt2_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "corpus.txt"
        file.write_text(TEXT, encoding="utf-8")
        primer_tokenizer("eval", file, "--tokenizer", folder, "--gpt2", gpt2_folder)
        shown = capsys.readouterr().out
        assert all(name in shown for name in SAMPLES)
        num_bytes, tokens = len(TEXT.encode()), len(Tokenizer.load(folder).encode(TEXT))
        theirs = len(open_tokenizer(gpt2_folder).encode(TEXT))
        row = next(line for line in shown.splitlines() if f"{num_bytes:,}" in line)
        assert f"{tokens:,}" in row
        assert f"{num_bytes / tokens:.2f}" in row
        assert f"{num_bytes / theirs:.2f}" in row
        assert f"{theirs / tokens:.2f}" in row

    def test_characters_it_does_not_know(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        train_tokenizer([SAMPLES["English prose"]], 0, kind="char").save(tmp_path)
        primer_tokenizer("eval", "--tokenizer", tmp_path)
        rows = capsys.readouterr().out.splitlines()
        assert "1.00" in next(row for row in rows if "English prose" in row)
        assert "unknown characters" in next(row for row in rows if "Chinese" in row)

    def test_without_the_hub(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        hub = pytest.importorskip("huggingface_hub")

        def fail(*_: object) -> None:
            raise hub.errors.LocalEntryNotFoundError("no connection")

        monkeypatch.setattr(hub, "hf_hub_download", fail)
        with pytest.raises(UserError, match=r"could not be fetched from the hub: no connection.*--gpt2 FOLDER"):
            primer_tokenizer("eval", "--tokenizer", folder, "--gpt2", "hub")
