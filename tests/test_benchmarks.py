"""The parts of the benchmarks, at toy shapes: that they measure what they say. What they measure is not tested."""

import asyncio
import importlib
import json
import math
import sys
import time
from functools import partial
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from served import LiveServer, serving
from tiny import CPU
from torch import nn

from primer.cli import parse
from primer.serve.client import Ended, Piece, Server, Settings
from primer.serve.command import ServeConfig

FOLDER = Path(__file__).parents[1] / "benchmarks"

# A checkout with nanoGPT's interface: a model that knows only which character is common.
RIVAL_MODEL = """
from dataclasses import dataclass
import torch
from torch import nn
from torch.nn import functional as F

@dataclass
class GPTConfig:
    block_size: int = 64
    vocab_size: int = 65
    n_layer: int = 1
    n_head: int = 1
    n_embd: int = 8
    dropout: float = 0.0
    bias: bool = True

class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        nn.init.zeros_(self.lm_head.weight)
        self.size = config.n_embd

    def forward(self, x, y):
        logits = self.lm_head(torch.ones(*x.shape, self.size))
        return logits, F.cross_entropy(logits.flatten(0, 1), y.flatten())

    def configure_optimizers(self, weight_decay, learning_rate, betas, device_type):
        return torch.optim.AdamW(self.parameters(), lr=learning_rate, betas=betas, weight_decay=weight_decay)
"""
RIVAL_TRAIN = """
import pickle, sys
import torch
from model import GPT, GPTConfig
assert "--max_iters=2000" in sys.argv and sys.argv[1] == "config/train_shakespeare_char.py"
meta = pickle.load(open("data/shakespeare_char/meta.pkl", "rb"))
args = dict(block_size=64, vocab_size=meta["vocab_size"], n_layer=1, n_head=1, n_embd=8, dropout=0.0, bias=False)
print("step 0: train loss 4.1, val loss 4.2000")
print("iter 0: loss 4.1000, time 9000.00ms, mfu -100.00%")
print("iter 1: loss 4.0000, time 50.00ms, mfu 1.00%")
print("iter 2: loss 3.9000, time 50.00ms, mfu 1.00%")
print("step 3: train loss 3.8, val loss 3.9000")
print("iter 3: loss 3.8000, time 9000.00ms, mfu 1.00%")
torch.save({"model": GPT(GPTConfig(**args)).state_dict(), "model_args": args}, "out-shakespeare-char/ckpt.pt")
"""
RIVAL_PREPARE = """
import pickle, requests
from pathlib import Path
import numpy as np
here = Path(__file__).parent
text = (here / "input.txt").read_text()
ids = {c: i for i, c in enumerate(sorted(set(text)))}
np.array([ids[c] for c in text[int(len(text) * 0.9):]], dtype=np.uint16).tofile(here / "val.bin")
pickle.dump({"vocab_size": len(ids)}, open(here / "meta.pkl", "wb"))
(Path("out-shakespeare-char")).mkdir()
"""


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A script of benchmarks/, imported as Python imports it when it is run."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(FOLDER) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The toy in nanoGPT's place."""
    path = tmp_path / "rival"
    for name, source in {
        "model.py": RIVAL_MODEL,
        "train.py": RIVAL_TRAIN,
        "data/shakespeare_char/prepare.py": RIVAL_PREPARE,
    }.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(source)
    return path


def toy(contestants: ModuleType, **changes: Any) -> Any:
    """A setting of a fraction of a second."""
    shape = {
        "num_layers": 2,
        "num_heads": 2,
        "width": 32,
        "vocab_size": 128,
        "context": 16,
        "batch_rows": 4,
        "threads": 1,
    }
    return contestants.Setting(**shape | changes)


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.compile takes half a minute and is not what is tested."""
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)


def test_the_last_line_is_json(benchmark: Any, capsys: pytest.CaptureFixture[str]) -> None:
    benchmark("common").finish("demo", 2.0, seconds={"a": 1.5})
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["benchmark"], line["ratio"], line["seconds"]) == ("demo", 2.0, {"a": 1.5})
    assert {"machine", "commit", "date"} <= line.keys()


def test_a_product_is_timed(benchmark: Any) -> None:
    assert 0 < benchmark("common").matmul_flops(torch.device("cpu"), torch.float32, 32, 0.0) < math.inf


@pytest.mark.parametrize("family", ["gpt2", "primer"])
@pytest.mark.parametrize("compiled", [False, True])
def test_primer_learns_a_batch_by_heart(benchmark: Any, uncompiled: None, family: str, compiled: bool) -> None:
    contestants = benchmark("contestants")
    trainer = contestants.primer_trainer(toy(contestants, num_batches=1, dtype="float32"), family, compiled)
    first, second = trainer.train(2), trainer.train(6)
    assert len(first) == 2
    assert len(second) == 6
    assert second[-1].loss < first[0].loss
    assert trainer.dtype == "float32"


def test_all_sides_see_the_same_batches(benchmark: Any) -> None:
    contestants = benchmark("contestants")
    setting = toy(contestants, micro_rows=2)
    seen = []

    def loss_of(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        seen.append((x, y))
        return torch.zeros((), requires_grad=True)

    contestants.rival_steps(setting, loss_of, lambda: None)(1)
    ours = contestants.RandomText(setting, 2).batches(0)
    assert len(seen) == len(ours) == 2
    for (x, y), batch in zip(seen, ours, strict=True):
        assert torch.equal(x, batch.inputs)
        assert torch.equal(y, batch.targets)


def test_micro_batches_sum_to_the_mean_gradient(benchmark: Any) -> None:
    contestants = benchmark("contestants")
    weight = nn.Parameter(torch.ones(()))
    setting = toy(contestants, micro_rows=1, num_batches=1)
    take = contestants.rival_steps(setting, lambda x, _: weight * x.float().mean(), lambda: None)
    loss = take(1)[0].loss
    mean = float(setting.rows()[0][:, :-1].float().mean())
    assert loss == pytest.approx(mean, rel=1e-5)
    assert weight.grad is not None
    assert float(weight.grad) == pytest.approx(mean, rel=1e-5)


def test_flops_are_counted_alike(benchmark: Any) -> None:
    contestants = benchmark("contestants")
    from primer.model.families import ShapeOverrides, shape
    from primer.model.gpt import GPT

    setting = toy(contestants)
    model = GPT(shape("gpt2", 2, 128, 16, ShapeOverrides(width=32, num_heads=2)))
    assert contestants.flops_per_token(model, setting) == model.flops_per_token()


def test_a_side_trains_in_its_own_process(benchmark: Any, checkout: Path) -> None:
    contestants = benchmark("contestants")
    build = partial(contestants.nanogpt_trainer, checkout, toy(contestants), False)
    with contestants.open_sides({"rival": build}, warmup=1) as sides:
        seconds = contestants.race(sides, rounds=2, steps=3)
    assert len(seconds["rival"]) == 6
    assert sides[0].dtype == "float32"
    assert not sides[0].process.is_alive()


def test_a_side_that_fails_says_why(benchmark: Any) -> None:
    contestants = benchmark("contestants")
    build = partial(contestants.primer_trainer, toy(contestants), "bert", False)
    with (
        pytest.raises(RuntimeError, match="no model family 'bert'"),
        contestants.open_sides({"Primer bert": build}, 1),
    ):
        pass


def test_throughput_prints_a_table_and_ratios(benchmark: Any, capsys: pytest.CaptureFixture[str]) -> None:
    contestants, throughput = benchmark("contestants"), benchmark("training_throughput")
    setting = toy(contestants)
    seconds = {
        "Primer gpt2": [0.5, 0.5, 9.0],
        "Primer gpt2, compiled": [0.25],
        "Primer primer": [1.0],
        "nanoGPT": [1.0],
    }
    speed = throughput.speeds(setting, seconds)
    assert speed["Primer gpt2"] == setting.step_tokens / 0.5
    assert throughput.ratios(speed) == {"nanoGPT": {"gpt2": 4.0, "primer": 1.0}}

    class Entrant:
        def __init__(self, name: str) -> None:
            self.name, self.flops_per_token, self.dtype = name, 1000, "float32"

    throughput.report(setting, [Entrant(name) for name in seconds], speed, {"float32": 1e6})
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["ratio"] == 4.0
    assert line["share_of_peak"]["Primer primer"] == pytest.approx(setting.step_tokens * 1000 / 1e6, abs=1e-3)


def test_bfloat16_is_forced_only_where_it_is_fast(benchmark: Any, capsys: pytest.CaptureFixture[str]) -> None:
    contestants, throughput = benchmark("contestants"), benchmark("training_throughput")
    setting = toy(contestants)
    slow = throughput.contestants(setting, Path("a"), Path("b"), True, fast_bf16=False)
    assert "not forced to bfloat16" in capsys.readouterr().out
    fast = throughput.contestants(setting, Path("a"), Path("b"), True, fast_bf16=True)
    assert fast.keys() - slow.keys() == {"nanochat, bfloat16"}
    assert throughput.contestants(setting, None, None, False, True).keys() == {"Primer gpt2", "Primer primer"}


def test_nanogpts_log_is_read_without_its_evaluations(benchmark: Any) -> None:
    race = benchmark("shakespeare_race")
    log = "step 0: train loss 4.2, val loss 4.3000\niter 0: loss 4.2, time 5000.00ms, mfu -100.00%\n"
    log += "".join(f"iter {i}: loss 4.0, time 40.00ms, mfu 1.00%\n" for i in (1, 2, 3))
    log += "step 4: train loss 2.0, val loss 1.8123\niter 4: loss 2.0, time 6000.00ms, mfu 1.00%\n"
    loss, seconds = race.read_log(log)
    assert loss == 1.8123
    assert seconds == pytest.approx(4 * 0.040)


def test_validation_loss_counts_every_character_once(benchmark: Any) -> None:
    race = benchmark("shakespeare_race")
    ids = torch.arange(1000)
    seen = []

    def losses(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        assert torch.equal(x + 1, y)
        seen.append(y)
        return y.double()

    loss = race.validation_loss(losses, ids, 3)
    targets = torch.cat(seen).flatten()
    assert targets.tolist() == list(range(1, 1000))
    assert loss == pytest.approx(targets.double().mean().item())


def test_the_race_runs_both_sides(
    benchmark: Any, checkout: Path, text_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    race = benchmark("shakespeare_race")
    small = ["--num-steps", "2", "--width", "32", "--batch-rows", "2", "--ngram-buckets", "64", "--compile", "off",
             "--sample-every", "0", "--no-tensorboard"]  # fmt: skip
    arrived = race.race(text_file, checkout, [7], 1, small)
    out = capsys.readouterr().out
    line = json.loads(out.splitlines()[-1])
    assert not arrived
    assert not line["all_arrived"]
    assert "Primer, seed 7" in out
    # The toy gives every character the same probability.
    uniform = math.log(len(set(text_file.read_text())))
    assert line["nanogpt_losses"] == [round(uniform, 4)]
    assert line["losses"][0] == pytest.approx(uniform, abs=0.5)
    assert line["nanogpt_training_seconds"] == 0.15  # three iterations, the first without its evaluation
    assert line["ratio"] > 0
    assert (line["process_seconds"], line["nanogpt_process_seconds"]) > (0, 0)


def test_quality_says_when_it_was_reached(
    benchmark: Any, text_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    race = benchmark("shakespeare_race")

    def pretend(preset: str, text: Path, run: Any, extra: list[str]) -> float:
        run.path.mkdir()
        for step, loss in enumerate((2.0, 1.46, 1.45, 1.5)):
            run.log({"step": step, "validation_loss": loss, "seconds": 10.0 * step})
        return 40.0

    monkeypatch.setattr(race, "pretrain", pretend)
    assert race.quality(text_file, [1], "shakespeare-char-quality")
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["reached_seconds"], line["losses"]) == ([10.0], [1.45])


@pytest.mark.filterwarnings("ignore:FSDP2-wrapped module")  # the losses are a view, and used as one
@pytest.mark.parametrize(
    "name", ["families_equal_cpu", "learns_float16", "resumes_exactly", "fsdp_steps", "cuda_graphs",
             "compiled_equals_eager", "learns_compiled"],
)  # fmt: skip
def test_the_gpu_checks_hold_on_a_cpu(benchmark: Any, uncompiled: None, name: str) -> None:
    checks = benchmark("gpu_checks")
    assert getattr(checks, name)(toy(benchmark("contestants"), micro_rows=2))


def test_a_failed_check_does_not_hide_the_next(
    benchmark: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = benchmark("gpu_checks")

    def fails(_: Any) -> str:
        raise AssertionError("0.3 is not 0.1")

    monkeypatch.setattr(checks, "CHECKS", {"first": fails, "second": lambda _: "fine"})
    assert checks.run_checks(None) == {"first": False, "second": True}
    assert "FAILED  first: AssertionError: 0.3 is not 0.1" in capsys.readouterr().out


def test_gpu_shapes_are_the_models_they_name(benchmark: Any) -> None:
    gpu = benchmark("gpu")
    from primer.model.families import ShapeOverrides, shape
    from primer.model.gpt import GPT

    with torch.device("meta"):
        gpt2 = GPT(shape("gpt2", 12, gpu.GPU.gpt2.vocab_size, 1024, ShapeOverrides(width=768, num_heads=12)))
    assert sum(p.numel() for p in gpt2.parameters()) == 124_475_904  # nanoGPT's, with biases
    for setting in (gpu.GPU.gpt2, gpu.GPU.depth12):
        assert setting.batch_rows % setting.micro_rows == 0
        assert 400_000 < setting.step_tokens < 600_000


def test_gpu_timings_and_their_ratios(benchmark: Any, uncompiled: None, checkout: Path) -> None:
    gpu, contestants = benchmark("gpu"), benchmark("contestants")
    wanted = gpu.groups(gpu.TOY, checkout, Path("nanochat"))
    assert [list(builders) for _, builders in wanted.values()] == [
        ["Primer gpt2", "nanoGPT"], ["Primer primer", "nanochat"],
    ]  # fmt: skip
    build = partial(contestants.nanogpt_trainer, checkout, gpu.TOY_SHAPE, False)
    speeds = gpu.time_groups({"gpt2-124m": (gpu.TOY_SHAPE, {"nanoGPT": build})}, rounds=1, steps=2)
    ours = gpu.Speed("gpt2-124m", "Primer gpt2", 2 * speeds[0].tokens_per_second, 1e9)
    assert gpu.report_timings([ours, *speeds], "cpu") == {"nanoGPT": pytest.approx(2.0)}


@pytest.fixture
def load(benchmark: Any, tmp_path: Path) -> Any:
    """The server's benchmark, its toy, and a run of that."""
    server = benchmark("server")
    size = server.Shape(num_layers=1, width=32, vocab_size=512, context=128)
    return server, size, server.make_run(tmp_path / "toy", size)


def port_of(live: LiveServer) -> int:
    """Its port; who comes before it is ready waits."""
    live.listener.listen()
    port: int = live.listener.getsockname()[1]
    return port


def test_server_and_engine_are_asked_the_same(load: Any) -> None:
    server, size, run = load
    dialogue = server.open_dialogue(run, CPU, 2)
    engine, count = dialogue.engine, 6
    answers = list(islice(server.opened(dialogue, size), count))
    for number, answer in enumerate(answers):
        asked = json.loads(server.http_request(size, number).split(b"\r\n\r\n")[1])
        assert asked["messages"] == [{"role": "user", "content": size.question(number)[0]}]
        sampling = answer.request.sampling
        assert (asked["seed"], asked["max_tokens"]) == (sampling.seed, sampling.max_tokens)
        assert asked["temperature"] == sampling.temperature
    written = sum(1 for _ in engine.run([answer.request for answer in answers]))
    with serving(run, num_slots=2) as live:
        seen = asyncio.run(
            ask_all(server, port_of(live), [server.http_request(size, number) for number in range(count)])
        )
    assert sum(seen) == written


async def ask_all(server: ModuleType, port: int, requests: list[bytes]) -> list[int]:
    """The lengths of the answers."""
    streams = []
    for request in requests:
        create = partial(server.Stream, request)
        _, stream = await asyncio.get_running_loop().create_connection(create, server.LOOPBACK, port)
        await stream.ended
        assert stream.first > stream.asked
        streams.append(stream)
    return [stream.num_tokens for stream in streams]


def test_the_engine_alone_is_never_idle(load: Any) -> None:
    server, size, run = load
    dialogue = server.open_dialogue(run, CPU, 3)
    assert server.engine_alone(dialogue, size, 3, 0.3) > 0
    assert not dialogue.engine.busy
    assert [server.num_arrived(seconds, 3) for seconds in (0, 0.15, 9)] == [1, 2, 3]


def test_clients_stream_until_the_time_is_up(load: Any, capsys: pytest.CaptureFixture[str]) -> None:
    server, size, run = load
    with serving(run, num_slots=3) as live:
        seen = asyncio.run(server.stream_from(port_of(live), size, 3, 0.4))
    assert len(seen.waits) >= 3
    assert seen.num_errors == 0
    assert seen.num_tokens > 16 * len(seen.waits) / 2
    assert seen.seconds >= 0.4
    assert server.report(seen, [seen.rate * 2, seen.rate * 2], {"clients": 3}) is False
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["benchmark"], line["ratio"], line["errors"], line["clients"]) == ("server", 0.5, 0, 3)


def test_a_server_that_refuses_is_an_error(load: Any) -> None:
    server, size, run = load
    with serving(run, keys=["a-key-for-the-tests"]) as live:
        seen = asyncio.run(server.stream_from(port_of(live), size, 1, 0.05))
    assert (seen.num_tokens, seen.waits) == (0, [])
    assert seen.num_errors > 0
    assert seen.longest_wait == math.inf


def test_the_servers_options_are_those_of_primer_serve(benchmark: Any) -> None:
    command = benchmark("server").serve_command(Path("runs/x"), 1, 32, ["--no-safety"])
    config = parse(ServeConfig, "primer serve", command[command.index("serve") + 1 :], None)
    assert (config.slots, config.limits.requests_per_minute, config.safety) == (32, 0, False)


# A page that has the word at once, but far below the window; then in it, but hidden; then for all to see.
SHOWS_LATE = """word => {
  const message = document.createElement("div");
  message.dataset.testid = "stChatMessage";
  message.style.cssText = "position: absolute; top: 5000px; visibility: hidden";
  message.textContent = `An answer that says ${word}`;
  setTimeout(() => { window.put = Date.now(); document.body.append(message); }, 100);
  setTimeout(() => { message.style.top = "0px"; }, 300);
  setTimeout(() => { window.bared = Date.now(); message.style.visibility = "visible"; }, 500);
}"""


def test_a_word_is_seen_when_it_is_on_the_screen(benchmark: Any) -> None:
    page = benchmark("page")
    try:
        chromium = page.find_chromium()
    except SystemExit as error:
        pytest.skip(str(error))
    word = page.first_word(7)
    with page.open_browser(chromium) as window:
        page.watch(window, word)
        window.evaluate(SHOWS_LATE, word)
        document, screen = page.shown(window)
        put, bared = window.evaluate("[window.put, window.bared]")
        assert put <= document < bared <= screen
        page.watch(window, page.first_word(8), patience=0.05)
        with pytest.raises(Exception, match="begin008 was not seen"):
            page.shown(window)


def test_the_stand_in_notes_when_it_sends_a_first_token(benchmark: Any) -> None:
    page = benchmark("page")
    with page.StandIn(first_seconds=0.0, rate=1000.0, num_tokens=3) as server:
        client = Server(server.url)
        (model,) = client.models()
        asked = time.time()
        events = client.stream([{"role": "user", "content": page.question(12)}], model, Settings(), seed=1)
        first = next(events)
        assert asked < server.sent[12] < time.time()
        assert [first, *events] == [Piece("begin012"), Piece(" word1"), Piece(" word2"), Ended("stop")]


def test_the_page_meets_its_aim_with_nine_answers_of_ten(benchmark: Any, capsys: pytest.CaptureFixture[str]) -> None:
    page = benchmark("page")
    for num_late in (1, 2):
        delays = [page.Delay(10.0 * n, 20.0 * n) for n in range(10 - num_late)] + [page.Delay(400.0, 500.0)] * num_late
        assert page.report(delays, {"questions": 10}) is (num_late == 1)
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["benchmark"], line["aim_met"], line["questions"]) == ("page", False, 10)
    assert line["first_token_ms"]["screen"] == {"median": 90.0, "p90": 500.0, "longest": 500.0}


def test_a_missing_chromium_is_said(benchmark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    page = benchmark("page")
    monkeypatch.setattr(page, "find_spec", lambda _: object())
    monkeypatch.setattr(page.shutil, "which", lambda _: None)
    monkeypatch.delenv("PRIMER_CHROMIUM", raising=False)
    with pytest.raises(SystemExit, match="no Chromium was found"):
        page.find_chromium()
    monkeypatch.setenv("PRIMER_CHROMIUM", "nowhere")
    with pytest.raises(SystemExit, match="nowhere, which cannot be run"):
        page.find_chromium()
