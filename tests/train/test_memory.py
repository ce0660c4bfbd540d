"""What a stage announces is what it takes: each in a process of its own, whose peak the kernel counts."""

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
from child import PATIENCE

from primer.model.families import ShapeOverrides, shape
from primer.tasks.curriculum.curriculum import Curriculum
from primer.text.chat import assistant, user
from primer.text.corpus import CorpusConfig, open_corpus
from primer.text.prepare import prepare
from primer.text.tokenizer import train_tokenizer

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is counted in /proc")
# VmHWM and not ru_maxrss: that of a new program begins with what its parent held.
SCRIPT = """
import sys
from pathlib import Path
from primer import cli
sys.argv[0] = "primer"
cli.main()
print("peak", *(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line))
"""
SIZE = ShapeOverrides(width=128, num_heads=4)
TOGETHER = {"threads": 2, "micro_rows": 4, "batch_rows": 8, "num_steps": 2, "warmup_steps": 1, "save_every": 0,
            "eval_every": 0}  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose activations are no trifle beside Python and PyTorch."""
    documents = Curriculum().documents("train", 0)
    tokenizer = train_tokenizer([next(documents) for _ in range(60)], 300)
    return tiny.save_run(tmp_path_factory.mktemp("base"), tokenizer, shape("primer", 4, 320, 256, SIZE))


@pytest.fixture(scope="module")
def many_letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of a vocabulary whose logits are no trifle either."""
    path = tmp_path_factory.mktemp("letters")
    letters = random.Random(0).choices(range(0x4E00, 0x4E00 + 1500), k=200_000)
    (path / "text.txt").write_text("".join(map(chr, letters)), encoding="utf-8")
    corpus = open_corpus(CorpusConfig(data=str(path / "text.txt")))
    prepare(corpus, train_tokenizer(corpus.documents("train"), 0, "char"), path / "shards", workers=1)
    return path / "shards"


def check(args: list[str]) -> str:
    """Run a command; its peak is at most what it announced, and not so much less that this says nothing."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, *args], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    announced = re.search(r"memory, about\W+([\d.]+) GiB", done.stdout)
    held = re.search(r"peak VmHWM:\s+(\d+) kB", done.stdout)
    assert announced, done.stdout
    assert held
    assert int(held[1]) / 2**20 <= float(announced[1]) <= 3 * int(held[1]) / 2**20, done.stdout
    return done.stdout


def test_pretraining(many_letters: Path, tmp_path: Path) -> None:
    size = {"width": 128, "num_heads": 4, "depth": 4, "context": 256, "ngram_buckets": 1024, "eval_tokens": 0}
    check(tiny.options(many_letters, tmp_path / "run", **size, **TOGETHER))


def test_fine_tuning(base: Path, tmp_path: Path) -> None:
    rows = [tiny.as_row([user(f"{i}?"), assistant(tiny.words(48, i))]) for i in range(40)]
    data = tiny.jsonl(tmp_path / "data.jsonl", rows)
    asked = {"eval_tasks": "curriculum:facts", "eval_questions": 4}
    said = check(tiny.stage_options("sft", base, tmp_path / "run", data=data, **asked, **TOGETHER))
    assert "time, about" in said


def test_preferences(base: Path, tmp_path: Path) -> None:
    rows = [{"prompt": f"{i}?", "chosen": tiny.words(48, i), "rejected": tiny.words(48, 99 + i)} for i in range(1, 21)]
    data = tiny.jsonl(tmp_path / "data.jsonl", rows)
    said = check(tiny.stage_options("dpo", base, tmp_path / "run", data=data, **TOGETHER))
    assert "time, about" in said


def test_reinforcement(base: Path, tmp_path: Path) -> None:
    """With a reference beside the model."""
    few = {"tasks": "curriculum:spelling", "prompts": 2, "samples": 4, "max_tokens": 32, "eval_prompts": 2, "kl": 0.1}
    said = check(tiny.stage_options("rl", base, tmp_path / "run", **few, **TOGETHER))
    assert "time, about" in said
