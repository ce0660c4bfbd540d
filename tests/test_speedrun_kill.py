"""A real speedrun that is killed in one stage, interrupted in another, and called again until it is done."""

import json
import signal
from pathlib import Path

import tiny
from child import Command, primer

from primer.core.files import read_json, write_json
from primer.core.rundir import RunDir
from primer.train.checkpoint import saved_steps

STEPS = {"num_steps": 2, "warmup_steps": 1}


def write_recipe(folder: Path) -> Path:
    """The whole way in seconds: a model of one layer, a step or two of each stage but SFT, and two small tasks."""
    questions = [{"question": f"{a}?", "answer": b} for a, b in tiny.sums(8)]
    pairs = [{"prompt": a, "chosen": b, "rejected": "no"} for a, b in tiny.sums(20)]
    recipe = {
        "preset": "tiny", "documents": 150, "questions": [2, 2, 2, 4],
        "tasks": [f"custom:{tiny.jsonl(folder / 'questions.jsonl', questions)}", "curriculum:spelling"],
        "base": {"depth": 1, "vocab_size": 600, "shape": {"width": 32, "num_heads": 2}, "ngram_buckets": 64,
                 "batch_rows": 2, "loop": STEPS},
        "sft": {"batch_rows": 2, "micro_rows": 2, "loop": STEPS | {"num_steps": 40}, "save_every": 2},
        "dpo": {"data": [str(tiny.jsonl(folder / "pairs.jsonl", pairs))], "pairs": 20, "batch_rows": 4},
        "rl": {"prompts": 2, "samples": 2, "eval_prompts": 2, "max_tokens": 8, "loop": STEPS},
    }  # fmt: skip
    write_json(folder / "recipe.json", recipe)
    return folder / "recipe.json"


def test_killed_interrupted_and_called_again_to_the_end(tmp_path: Path) -> None:
    root = tmp_path / "run"
    args = ["speedrun", "--preset", str(write_recipe(tmp_path)), "--run", str(root), "--threads", "1"]

    first = Command(args, tmp_path / "first")
    first.wait_until(lambda: bool(saved_steps(RunDir(root / "sft"))))
    first.send(signal.SIGKILL)
    assert first.wait()[0] == -signal.SIGKILL
    assert list(read_json(root / "speedrun.json")["stages"]) == ["text", "base"]

    second = Command(args, tmp_path / "second")
    second.wait_until(lambda: any((root / "sft" / "evaluation").glob("*.json")))
    second.send(signal.SIGINT)
    code, said = second.wait()
    assert code == 130, said
    assert "resumed after step" in said
    assert f"stopped in the stage evaluation. To go on, call it again: primer {' '.join(args)}" in said
    assert "--resume" not in said

    code, said = primer(args, tmp_path / "third")
    assert code == 0, said
    assert said.count("measured before") >= 3  # both tasks of base, one of SFT
    assert "now try" not in said + (tmp_path / "second").read_text(encoding="utf-8")
    assert f"primer chat --run {root / 'rl'}\n" in said
    report = json.loads((root / "report.json").read_text(encoding="utf-8"))
    assert report["missing"] == []
    for stage in ("base", "sft", "dpo", "rl"):
        assert set(report["scores"][stage]) == {"custom", "curriculum"}
        assert report["stages"][stage]["peak_memory_bytes"] > 2**24
