"""The dial: what follows from a depth, what a person may override, and what cannot be."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from rich.console import Console

from primer.core.errors import ConfigError
from primer.model.families import ShapeOverrides
from primer.model.gpt import GPT
from primer.train.dial import (
    COMPILE_FLOPS,
    TOKENS_PER_WEIGHT,
    Plan,
    batch_tokens,
    decide_compile,
    measured_flops,
    micro_rows,
    plan_table,
    resolve,
)
from primer.train.loop import LoopConfig
from primer.train.pretrain import PretrainConfig

VOCABULARY = 300


def plan(**options: Any) -> Plan:
    """The plan of some options on one thread."""
    return resolve(PretrainConfig(**options), VOCABULARY, tiny.CPU)


def test_one_number_makes_a_run() -> None:
    plans = [plan(depth=depth) for depth in (1, 2, 4, 8, 12)]
    for before, after in pairwise(plans):
        assert before.model.width < after.model.width
        assert before.total_tokens < after.total_tokens
        assert before.step_tokens <= after.step_tokens
        assert before.flops_per_token < after.flops_per_token
    for one in plans:
        assert one.model.num_heads * one.model.head_dim == one.model.width
        assert one.loop.num_steps >= 1
        assert one.loop.warmup_steps <= one.loop.num_steps // 2
        assert 1 <= one.micro_rows <= one.batch_rows


def test_parameters_are_counted_on_the_model_itself() -> None:
    found = plan(depth=2)
    model = GPT(found.model)
    assert found.num_parameters == sum(p.numel() for p in model.parameters())
    assert found.flops_per_token == model.flops_per_token()
    weights = sum(p.numel() for _, p, _ in model.matrices()) + model.head.weight.numel()
    assert abs(found.total_tokens - TOKENS_PER_WEIGHT * weights) <= found.step_tokens


def test_a_person_overrides_anything() -> None:
    found = plan(
        depth=3, shape=ShapeOverrides(width=96, num_heads=3, num_kv_heads=1, mlp_width=200, num_layers=2), context=32,
        batch_rows=5, micro_rows=2, loop=LoopConfig(num_steps=7, warmup_steps=9), eval_every=2, save_every=3,
        sample_every=0, dropout=0.1, window_pattern="SL", compile="off",
    )  # fmt: skip
    model = found.model
    assert (model.width, model.num_heads, model.num_kv_heads, model.mlp_width) == (96, 3, 1, 200)
    assert (model.num_layers, model.context, model.dropout, model.window_pattern) == (2, 32, 0.1, "SL")
    assert (found.batch_rows, found.micro_rows, found.step_tokens) == (5, 2, 160)
    assert (found.loop.num_steps, found.loop.warmup_steps) == (7, 3)  # half of the run at most
    assert (found.eval_every, found.save_every, found.sample_every, found.compile) == (2, 3, 0, False)


def test_tokens_set_the_steps() -> None:
    found = plan(context=64, batch_rows=10, tokens=100_000)
    assert found.loop.num_steps == 100_000 // 640
    assert found.eval_every == found.save_every == found.sample_every == found.loop.num_steps // 10


def test_the_batch_grows_with_the_tokens() -> None:
    sizes = [batch_tokens(10**n) for n in range(5, 12)]
    assert sizes == sorted(sizes)
    assert all(size & (size - 1) == 0 for size in sizes)


def test_ranks_must_share_the_rows_evenly() -> None:
    two = replace(tiny.CPU, world_size=2)
    with pytest.raises(ConfigError, match=r"--batch-rows 5 cannot be shared by 2 ranks; 6 can\."):
        resolve(PretrainConfig(batch_rows=5), VOCABULARY, two)
    three = replace(tiny.CPU, world_size=3)
    assert resolve(PretrainConfig(), VOCABULARY, three).batch_rows % 3 == 0  # the dial's own are rounded up


def test_threads_get_a_share_each() -> None:
    model = tiny.model_config()
    assert micro_rows(model, 8, replace(tiny.CPU, threads=2)) == 4
    assert micro_rows(model, 9, replace(tiny.CPU, threads=4)) == 3
    large = plan(depth=12).model
    assert micro_rows(large, 10**6, tiny.CPU) < 10**4  # memory is the limit


def test_when_it_pays_to_compile() -> None:
    long, short = COMPILE_FLOPS["cuda"] * 2, COMPILE_FLOPS["cuda"] / 2
    gpu = replace(tiny.CPU, device=torch.device("cuda"))
    assert [decide_compile("auto", flops, gpu) for flops in (long, short)] == [True, False]
    assert not decide_compile("auto", long, tiny.CPU)  # measured: slower
    assert [decide_compile("on", short, tiny.CPU), decide_compile("off", long, tiny.CPU)] == [True, False]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"depth": 0}, "--depth is 0, and must be 1 or more"),
        ({"context": -1}, "--context is -1"),
        ({"batch_rows": 0}, "--batch-rows is 0"),
        ({"micro_rows": -2}, "--micro-rows is -2"),
        ({"tokens": -5}, "--tokens is -5"),
        ({"keep": 0}, "--keep is 0"),
        ({"save_every": -1}, "--save-every is -1, and must be 0 or more"),
        ({"dropout": 1.5}, "--dropout is 1.5, and must be a share between 0 and 1"),
        ({"dropout": float("nan")}, "--dropout is nan"),
        ({"noise": -0.1}, "--noise is -0.1"),
        ({"loop": LoopConfig(num_steps=-3)}, "--num-steps is -3"),
        ({"loop": LoopConfig(seed=-1)}, "--seed is -1"),
        ({"loop": LoopConfig(final_lr=2)}, "--final-lr is 2"),
        ({"shape": ShapeOverrides(num_heads=-2)}, "--num-heads is -2"),
        ({"shape": ShapeOverrides(width=100, num_heads=3)}, "width 100 is not a multiple of 3 heads"),
        ({"shape": ShapeOverrides(width=96, num_heads=3, num_kv_heads=2)}, "3 heads cannot share 2"),
        ({"ngrams": (1,)}, "--ngrams 1"),
        ({"window_pattern": "XL"}, "'XL'"),
        ({"window_pattern": ""}, "''"),
        ({"shape": ShapeOverrides(width=33, num_heads=3)}, "even"),
        ({"family": "gpt3"}, "no model family 'gpt3'; did you mean 'gpt2'"),
    ],
)
def test_what_cannot_be(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as error:
        plan(**options)
    assert words in str(error.value)


def test_the_table_says_what_will_happen(tmp_path: Path) -> None:
    found = plan(depth=2)
    console = Console(width=200, record=True, file=(tmp_path / "out").open("w"))
    console.print(plan_table(found, tiny.CPU, peak=1e11))
    text = console.export_text()
    for word in (
        f"{found.num_parameters:,}", f"{found.loop.num_steps:,} steps", f"{found.total_tokens:,} tokens", "GiB", "min",
        "cpu", "float32",
    ):  # fmt: skip
        assert word in text


def test_the_peak_is_measured() -> None:
    assert measured_flops(tiny.CPU, seconds=0.001) > 1e6
