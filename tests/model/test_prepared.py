"""The loops against the model that they stand in for, and what is stored against what is computed."""

import gc
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from primer.core.errors import ConfigError
from primer.engine.windows import Windows
from primer.model import loops, prepared
from primer.model.cache import KVCache
from primer.model.families import FAMILIES, family
from primer.model.gpt import GPT, MLPS
from primer.model.kernels import array
from primer.model.prepared import LinearMaps, Loops, Weights, prepare_to_generate

STORED: list[Weights] = ["float32", "bfloat16", "int8"]
ROWS, LENGTH = 3, 20


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three threads, and no pass too small for them."""
    monkeypatch.setattr(prepared, "WORTH_ALL_CORES", 0)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def random_model(name: str, **fields: object) -> GPT:
    torch.manual_seed(0)
    shape = {
        "vocab_size": 128, "context": 32, "num_layers": 3, "num_heads": 4, "num_kv_heads": 2,
        "width": 64, "head_dim": 16, "mlp_width": 98,
    }  # fmt: skip
    model = GPT(family(name, **shape | fields)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


def random_ids() -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 12, (ROWS, LENGTH)))  # few, so that they repeat


def read(windows: Windows, ids: Tensor, steps: Sequence[Sequence[int]]) -> Tensor:
    """The states (rows, T, C) of ids (rows, T), so many of each row at each step."""
    return read_both(windows, ids, steps)[0]


def read_both(windows: Windows, ids: Tensor, steps: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """The same, and the logits (rows, T, V)."""
    for row, its_ids in enumerate(ids):
        windows.open(row, its_ids.numpy())
    found: list[list[tuple[Tensor, Tensor]]] = [[] for _ in ids]
    for counts in steps:
        order = list(range(sum(counts)))[::-1]  # any may be wanted, in any order
        hidden, logits = windows.read(range(len(ids)), np.array(counts), order)
        for row, parts in enumerate(
            zip(hidden.clone().split(list(counts)), logits.flip(0).split(list(counts)), strict=True)
        ):
            found[row].append(parts)
    states, logits = (torch.stack([torch.cat([parts[i] for parts in row]) for row in found]) for i in range(2))
    return states, logits


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("fields", [{}, {"window_pattern": "SL", "neighbours": 3, "repeats": 3}, {"num_kv_heads": 4}])
@pytest.mark.parametrize("name", FAMILIES)
def test_loops_compute_what_the_model_computes(name: str, fields: dict[str, object], stored: Weights) -> None:
    model = prepare_to_generate(random_model(name, **fields), stored)
    ids = random_ids()
    with torch.inference_mode():
        expected = model.hidden(ids)
        found, logits = read_both(Windows(model), ids, [[7, 3, 0], *[[1, 1, 1]] * 13, [0, 4, 7]])
        if stored == "float32":
            torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-4)
            torch.testing.assert_close(logits, model.logits(expected), atol=2e-5, rtol=1e-4)
            return
        # Inputs of products may be rounded, too: to bfloat16, as PyTorch does with all numbers, or to 15 bits.
        exact, model.compute_dtype = model.logits(expected), torch.bfloat16
        theirs = (model.logits(model.hidden(ids)) - exact).norm()
        assert (logits - exact).norm() < (0.7 if stored == "bfloat16" else 0.02) * theirs
        model.compute_dtype = torch.float32


@pytest.mark.parametrize("needed", [0, 10**9])
@pytest.mark.usefixtures("threads")
def test_one_of_several_threads_has_room_for_the_work_of_all(needed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "WORTH_ALL_CORES", needed)
    model, ids = random_model("llama", vocab_size=2048, mlp_width=1024), random_ids()
    with torch.inference_mode():
        found, expected = read_both(Windows(model), ids, [[LENGTH] * ROWS])[1], model.logits(model.hidden(ids))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@given(st.lists(st.lists(st.integers(0, 6), min_size=ROWS, max_size=ROWS), max_size=12))
@settings(max_examples=25, deadline=None)
def test_however_it_is_read(steps: list[list[int]]) -> None:
    model = random_model("primer", neighbours=3, repeats=3, window_pattern="SL")
    ids, left, taken = random_ids(), np.full(ROWS, LENGTH), []
    for wanted in steps:
        counts = np.minimum(wanted, left)
        left -= counts
        taken += [counts.tolist()] if counts.any() else []
    taken += [left.tolist()] if left.any() else []
    with torch.inference_mode():
        torch.testing.assert_close(read(Windows(model), ids, taken), model.hidden(ids), atol=2e-5, rtol=1e-4)


def test_a_cache_of_bfloat16() -> None:
    """Where the model computes in bfloat16, so is what it remembers; the loops round it as PyTorch does."""
    model = random_model("llama")
    model.compute_dtype = torch.bfloat16
    windows, ids = Windows(prepare_to_generate(model)), random_ids()
    assert windows.cache.dtype == torch.bfloat16
    with torch.inference_mode():
        found, exact = read(windows, ids, [[20] * 3]), random_model("llama").hidden(ids)
        theirs = model.hidden(ids).float()
    assert (found - exact).norm() < (theirs - exact).norm()  # sums and the stream stay in float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_numbers_are_rounded_as_pytorch_rounds_them(dtype: torch.dtype) -> None:
    numbers = torch.cat([torch.randn(1000), torch.tensor([0.0, -0.0, 1e-40, 1 + 2**-8, 1 + 3 * 2**-8, torch.inf])])
    target = torch.zeros(len(numbers), dtype=dtype)
    loops.copy(array(numbers), array(target))
    torch.testing.assert_close(target, numbers.to(dtype), rtol=0, atol=0)


def test_exp() -> None:
    x = np.concatenate([np.linspace(-87, 88, 10_001), np.linspace(-1, 1, 1001)]).astype(np.float32)
    found = np.array([loops.exp(number) for number in x])
    np.testing.assert_allclose(found, np.exp(x.astype(np.float64)), rtol=3e-7)
    assert loops.exp(np.float32(-np.inf)) < 1e-37
    assert np.isfinite(loops.exp(np.float32(np.inf)))


@pytest.mark.parametrize("kind", loops.MLPS)
def test_activate(kind: str) -> None:
    u = torch.randn(5, 12) * 3
    expected = MLPS[kind](u)
    found = torch.empty_like(expected)
    for part in ((0, 5), (5, 6), (6, found.size(1))):
        loops.activate(array(u), loops.MLPS.index(kind), *part, array(found))
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("num_outputs", [4, 7, 10, 64])
@pytest.mark.parametrize("num_rows", [1, 2, 5])
@pytest.mark.parametrize("bias", [False, True])
def test_multiply(num_outputs: int, num_rows: int, bias: bool) -> None:
    linears = [nn.Linear(24, num_outputs, bias=bias) for _ in range(2)]
    x = torch.randn(num_rows, 24)
    y = torch.empty(num_rows, num_outputs)
    matrix = LinearMaps(linears, torch.float32).matrix(loops.Matrix)
    desk = loops.Desk(*(np.empty(size, np.float32) for size in (0, 24 * num_rows, num_rows, 64 * num_rows, 0, 0)))
    rows = loops.rounded(array(x), desk)
    for adds in (False, True):  # twice the product in the end
        for first, last in ((0, 4), (4, num_outputs)):
            loops.multiply(rows, matrix, 1, first, last, adds, desk, array(y))
    torch.testing.assert_close(y, 2 * linears[1](x), atol=2e-5, rtol=1e-5)


def test_int8_is_close_and_what_fits_is_exact() -> None:
    linear = nn.Linear(256, 64)
    exact = linear.weight.detach().clone()
    LinearMaps([linear], torch.int8).share(torch.float32)
    assert (linear.weight - exact).norm() < 0.01 * exact.norm()
    once = linear.weight.detach().clone()
    LinearMaps([linear], torch.int8).share(torch.float32)
    torch.testing.assert_close(linear.weight.detach(), once, rtol=1e-6, atol=0)


def test_an_output_of_zeros() -> None:
    linear = nn.Linear(8, 8)
    nn.init.zeros_(linear.weight)
    LinearMaps([linear], torch.int8).share(torch.float32)
    assert not linear.weight.any()


def test_float32_takes_no_memory_twice() -> None:
    model = prepare_to_generate(random_model("llama"))
    shared = model.loops.maps["up"].stored
    assert model.blocks[2].mlp.up.weight.data_ptr() == shared[2].data_ptr()  # type: ignore[union-attr, operator]


def test_what_loops_are_not_for() -> None:
    model = random_model("llama")
    assert Loops.can_run(model)
    model.compute_dtype = torch.float16
    assert not Loops.can_run(model)
    assert not Loops.can_run(random_model("llama").to("meta"))


def test_weights_elsewhere() -> None:
    """On a GPU the weights are cast, and there is no int8."""
    with pytest.raises(ConfigError, match="--weights int8 is for the CPU"):
        prepare_to_generate(random_model("llama").to("meta"), "int8")
    model = prepare_to_generate(random_model("llama").to("meta"), "bfloat16")
    assert model.compute_dtype == model.head.weight.dtype == torch.bfloat16
    assert model.loops is None


def test_many_threads_at_once() -> None:
    """Several models are served by one process, a thread each."""
    model, ids = random_model("llama"), random_ids()
    with torch.inference_mode():
        expected = model.hidden(ids)

    def task(_: int) -> Tensor:
        with torch.inference_mode():
            return read(Windows(model), ids, [[2] * ROWS] * 10)

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(task, range(8)):
            torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-4)


def test_a_cache_grows() -> None:
    model = random_model("llama")
    cache = KVCache(model.config, torch.float32, torch.device("cpu"))
    windows = Windows(model)
    windows.cache = cache
    with torch.inference_mode():
        read(windows, random_ids(), [[1] * ROWS] * LENGTH)
    assert cache.num_slots >= ROWS
    assert cache.num_columns >= LENGTH


@pytest.mark.parametrize("name", ["primer", "llama"])
def test_the_model_by_several_threads(name: str, threads: None) -> None:
    fields: dict[str, object] = {"neighbours": 3, "repeats": 3, "window_pattern": "SL"} if name == "primer" else {}
    model, ids = prepare_to_generate(random_model(name, **fields)), random_ids()
    with torch.inference_mode():
        hidden = model.hidden(ids)
        for steps in ([[7, 3, 0], *[[1, 1, 1]] * 13, [0, 4, 7]], [[1] * 3] * 20, [[20] * 3]):
            found, logits = read_both(Windows(model), ids, steps)
            torch.testing.assert_close(found, hidden, atol=2e-5, rtol=1e-4)
            torch.testing.assert_close(logits, model.logits(hidden), atol=2e-5, rtol=1e-4)


def test_models_take_turns(threads: None) -> None:
    """Several are served by one process, and have one team."""
    models = [prepare_to_generate(random_model("llama", num_layers=layers)) for layers in (1, 3, 5)]
    ids, wrong = random_ids(), list[int]()
    with torch.inference_mode():
        hidden = [model.hidden(ids) for model in models]

    def task(number: int) -> None:
        with torch.inference_mode():
            for _ in range(5):
                found, _ = read_both(Windows(models[number]), ids, [[2] * 3] * 10)
                if not torch.allclose(found, hidden[number], atol=2e-5, rtol=1e-4):
                    wrong.append(number)

    tasks = [threading.Thread(target=task, args=(number,)) for number in range(3)]
    for thread in tasks:
        thread.start()
    for thread in tasks:
        thread.join()
    assert not wrong


def test_a_model_that_is_gone_is_not_kept(threads: None) -> None:
    """The helpers knew its weights."""
    model = prepare_to_generate(random_model("llama"))
    read_both(Windows(model), random_ids(), [[20] * 3])
    weights = weakref.ref(model.loops.maps["up"].stored)
    del model
    deadline = time.monotonic() + 20
    while weights() is not None:
        assert time.monotonic() < deadline
        gc.collect()
        time.sleep(0.01)
