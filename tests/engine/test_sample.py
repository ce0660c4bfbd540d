"""`primer sample` on a run made here, by its function and by the command line."""

import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from primer.core.errors import CheckpointError, Interrupted, TokenizerError, UserError
from primer.core.files import sha256, write_json
from primer.engine import sample
from primer.engine.sample import Pages, SampleConfig, main
from primer.engine.sampling import SamplingConfig
from primer.model.families import shape
from primer.model.gpt import GPT
from primer.model.weights import find_weights, save_model
from primer.text.tokenizer import train_tokenizer

TEXT = "To be, or not to be: that is the question. " * 4
SHORT = SamplingConfig(temperature=1.0, max_tokens=20)


def save_step(run: Path, step: int, vocab_size: int) -> Path:
    """A checkpoint of a small untrained model, as training writes it."""
    folder = run / "checkpoints" / f"step_{step:06d}"
    folder.mkdir(parents=True)
    torch.manual_seed(step)
    save_model(folder, GPT(shape("gpt2", 1, vocab_size, context=16)))
    write_json(folder / "state.json", {"files": {"model.safetensors": sha256(folder / "model.safetensors")}})
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with checkpoints of steps 5 and 10, the first the better."""
    path = tmp_path / "runs" / "demo"
    tokenizer = train_tokenizer([TEXT], 280)
    tokenizer.save(path)
    write_json(path / "config.json", {"tokenizer_fingerprint": tokenizer.fingerprint})
    for step in (5, 10):
        save_step(path, step, tokenizer.vocab_size)
    write_json(path / "checkpoints" / "best.json", {"step": 5, "loss": 1.0})
    return path


# --- which checkpoint ---


def test_the_best_checkpoint_then_the_newest(run: Path) -> None:
    checkpoints = run / "checkpoints"
    assert find_weights(run) == checkpoints / "step_000005"
    assert find_weights(run, 10) == checkpoints / "step_000010"
    write_json(checkpoints / "best.json", {"step": 7, "loss": 1.0})  # has been deleted
    assert find_weights(run) == checkpoints / "step_000010"
    (checkpoints / "best.json").unlink()
    (checkpoints / "step_000020").mkdir()  # holds no weights
    assert find_weights(run) == checkpoints / "step_000010"


def test_checkpoints_that_cannot_be_had(run: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint of step 7; it has 5, 10"):
        find_weights(run, 7)
    with pytest.raises(CheckpointError, match="no checkpoint yet"):
        find_weights(tmp_path)
    weights = run / "checkpoints" / "step_000005" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-5] ^= 1
    weights.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        find_weights(run)


# --- the command ---


def test_the_prompt_is_continued(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(SampleConfig(run, "To be", sampling=SHORT))
    out, err = capsys.readouterr()
    assert out.startswith("To be")
    assert len(out) > len("To be\n")
    assert "step_000005" in err
    assert "20 tokens" in err
    main(SampleConfig(run, "To be", sampling=SHORT))
    assert capsys.readouterr().out == out
    main(SampleConfig(run, "To be", step=10, sampling=SHORT))
    assert capsys.readouterr().out != out


def test_samples_come_one_after_another(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(SampleConfig(run, "To be", sampling=SHORT))
    alone = capsys.readouterr().out
    main(SampleConfig(run, "To be", num_samples=3, sampling=SHORT))
    out = capsys.readouterr().out
    assert out.startswith("--- sample 1 of 3 ---\n" + alone + "--- sample 2 of 3 ---\nTo be")
    assert out.count("To be") >= 3
    assert out.index("--- sample 2") < out.index("--- sample 3")


def test_pages_show_each_text_whole_and_in_turn() -> None:
    pages = Pages(3, "a")
    shown = [
        pages.opening(),
        pages.push(1, "B", False),
        pages.push(0, "A", False),
        pages.push(2, "C", True),
        pages.push(0, "A", True),
        pages.push(1, "B", True),
    ]
    heads = [f"--- sample {n} of 3 ---\n" for n in (1, 2, 3)]
    assert shown == [heads[0] + "a", "", "A", "", f"A\n{heads[1]}aB", f"B\n{heads[2]}aC"]


def test_no_prompt_begins_a_document(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = []
    generate = sample.Engine.generate

    def listen(self: sample.Engine, given: list[list[int]], *rest: object) -> object:
        prompts.append(given[0])
        return generate(self, given, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(sample.Engine, "generate", listen)
    main(SampleConfig(run, "", sampling=SHORT))
    main(SampleConfig(run, "be", new_document=True, sampling=SHORT))
    main(SampleConfig(run, "be", sampling=SHORT))
    document = train_tokenizer([TEXT], 280).document_id
    assert prompts[0] == [document]
    assert prompts[1] == [document, *prompts[2]]


def test_a_long_prompt_from_standard_input(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(TEXT.encode())))
    main(SampleConfig(run, "-", sampling=SHORT))
    out, err = capsys.readouterr()
    assert out.startswith(TEXT)
    assert "the model sees 16" in err
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"\xff")))
    with pytest.raises(UserError, match="no UTF-8"):
        main(SampleConfig(run, "-", sampling=SHORT))


def test_ctrl_c(run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sample.Engine, "generate", interrupted)
    with pytest.raises(Interrupted):
        main(SampleConfig(run, "To be", sampling=SHORT))
    assert capsys.readouterr().out == "To be\n"


def test_another_tokenizer(run: Path) -> None:
    train_tokenizer([TEXT], 276).save(run)
    with pytest.raises(TokenizerError, match="not the tokenizer"):
        main(SampleConfig(run, "x"))
    other = train_tokenizer([TEXT + "".join(map(chr, range(192, 500))) * 2], 400)
    other.save(run)
    write_json(run / "config.json", {})
    with pytest.raises(TokenizerError, match="400 tokens and the model"):
        main(SampleConfig(run, "x"))


def test_bad_input(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        main(SampleConfig(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="num-samples"):
        main(SampleConfig(run, num_samples=0))


def command(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "primer.cli", "sample", *args], capture_output=True, text=True, check=False
    )


def test_the_command_line(run: Path) -> None:
    options = ["--run", str(run), "--prompt", "To be", "--temperature", "0", "--max-tokens", "5"]
    done = command(*options, "--top-k", "5", "--top-p", "0.9", "--seed", "1", "--num-samples", "2")
    assert done.returncode == 0, done.stderr
    assert "--- sample 2 of 2 ---\nTo be" in done.stdout


def test_a_bad_option_on_the_command_line(run: Path) -> None:
    done = command("--run", str(run), "--top-p", "1.5")
    assert done.returncode == 2
    assert "--top-p is 1.5, and must be above 0 and at most 1." in done.stderr
    assert "Traceback" not in done.stderr
