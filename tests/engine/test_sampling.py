"""Picks against distributions worked out by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from primer.core.errors import ConfigError
from primer.engine.sampling import SamplingConfig, filter_tail, penalize, pick, row_generator

PROBABILITIES = (0.4, 0.1, 0.3, 0.05, 0.15)
LOGITS = torch.tensor(PROBABILITIES).log()


def frequencies(config: SamplingConfig, rows: int = 20_000) -> list[float]:
    """How often each id is picked by one generator a row, each used once."""
    uniform = np.random.default_rng(0)
    ids = pick(LOGITS.expand(rows, -1), [config] * rows, [uniform] * rows)
    return (torch.bincount(ids, minlength=len(LOGITS)) / rows).tolist()


def normalized(weights: list[float]) -> list[float]:
    return [w / sum(weights) for w in weights]


@pytest.mark.parametrize(
    ("options", "weights"),
    [
        ({"temperature": 1.0}, PROBABILITIES),
        ({"temperature": 0.5}, [p**2 for p in PROBABILITIES]),
        ({"temperature": 2.0}, [p**0.5 for p in PROBABILITIES]),
        ({"temperature": 1.0, "top_k": 2}, [0.4, 0, 0.3, 0, 0]),
        ({"temperature": 1.0, "top_k": 1}, [1, 0, 0, 0, 0]),
        ({"temperature": 1.0, "top_k": 99}, PROBABILITIES),
        ({"temperature": 1.0, "top_p": 0.6}, [0.4, 0, 0.3, 0, 0]),  # 0.4 is not yet 0.6
        ({"temperature": 1.0, "top_p": 0.01}, [1, 0, 0, 0, 0]),  # the first token always stays
        ({"temperature": 1.0, "min_p": 0.3}, [0.4, 0, 0.3, 0, 0.15]),  # 0.3 × 0.4 = 0.12
        ({"temperature": 1.0, "top_k": 3, "top_p": 0.8}, [0.4, 0, 0.3, 0, 0]),  # of what top-k leaves, 0.7/0.85
    ],
)
def test_frequencies(options: dict[str, float], weights: list[float]) -> None:
    expected = normalized(list(weights))
    found = frequencies(SamplingConfig(**options))  # type: ignore[arg-type]
    for p, frequency in zip(expected, found, strict=True):
        assert abs(frequency - p) <= 4 * math.sqrt(p * (1 - p) / 20_000)  # four standard errors; 0 is exact


def test_temperature_zero_takes_the_likeliest() -> None:
    logits = torch.tensor([[0.0, 3.0, 1.0], [5.0, 3.0, 1.0]])
    assert pick(logits, [SamplingConfig(temperature=0)] * 2, [None] * 2).tolist() == [1, 0]


@pytest.mark.parametrize("temperature", [1e-30, 1e-3, 1e30])
@pytest.mark.parametrize("top_k", [0, 3])
def test_extreme_temperatures_are_finite(temperature: float, top_k: int) -> None:
    logits = torch.tensor([[-3000.0, 3000.0, -torch.inf, 2999.0]])
    ids = [
        pick(logits, [SamplingConfig(temperature=temperature, top_k=top_k)], [row_generator(0, row)]).item()
        for row in range(50)
    ]
    assert set(ids) <= ({1} if temperature < 1 else {0, 1, 3})


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(-20, 20, width=32), min_size=2, max_size=30),
    st.floats(0.01, 1.0),
    st.floats(0.0, 1.0),
    st.integers(0, 40),
    st.integers(0, 10),
)
def test_only_what_the_filters_leave(logits: list[float], top_p: float, min_p: float, top_k: int, seed: int) -> None:
    """By definition, with a plain loop over the sorted probabilities."""
    config = SamplingConfig(temperature=1.0, top_k=top_k, top_p=top_p, min_p=min_p)
    ranked = sorted(range(len(logits)), key=lambda i: -logits[i])[: top_k or None]
    total = sum(math.exp(logits[i]) for i in ranked)
    allowed, mass = set(), 0.0
    for i in ranked:
        p = math.exp(logits[i]) / total
        if mass < top_p + 1e-5 and logits[i] >= logits[ranked[0]] + math.log(max(min_p, 1e-30)) - 1e-5:
            allowed.add(logits[i])  # by value: ties may be ranked either way
        mass += p
    id = pick(torch.tensor([logits]), [config], [row_generator(seed, 0)]).item()
    assert any(math.isclose(logits[int(id)], value, abs_tol=1e-6) for value in allowed)


def test_the_highest_uniform_finds_a_token_that_is_possible() -> None:
    class Highest:
        def random(self, dtype: type) -> float:
            return 1 - 2**-24

    logits = torch.randn(64, 1000, generator=torch.Generator().manual_seed(0))
    logits[:, 500:] = -torch.inf
    ids = pick(logits, [SamplingConfig(temperature=1.0)] * 64, [Highest()] * 64)  # type: ignore[list-item]
    assert ids.max() < 500
    assert ids.min() > 490


def test_a_row_draws_the_same_beside_others() -> None:
    logits = torch.randn(8, 50, generator=torch.Generator().manual_seed(0))
    config = SamplingConfig(temperature=1.0)
    together = pick(logits, [config] * 8, [row_generator(7, row) for row in range(8)])
    alone = [pick(logits[row : row + 1], [config], [row_generator(7, row)]).item() for row in range(8)]
    assert together.tolist() == alone
    assert together.tolist() != pick(logits, [config] * 8, [row_generator(8, row) for row in range(8)]).tolist()


SETTINGS = [
    SamplingConfig(temperature=t, top_k=k, top_p=p, min_p=m)
    for t in (0, 0.5, 1.0) for k in (0, 1, 7, 99) for p in (1.0, 0.6) for m in (0.0, 0.2)
]  # fmt: skip


def test_rows_of_any_settings_side_by_side() -> None:
    """What a row draws does not depend on what the others ask for."""
    count = len(SETTINGS)
    logits = 2 * torch.randn(count, 50, generator=torch.Generator().manual_seed(0))
    for seed in range(10):
        together = pick(logits, SETTINGS, [row_generator(seed, row) for row in range(count)]).tolist()
        rows = zip(logits, SETTINGS, range(count), strict=True)
        assert together == [pick(row[None], [c], [row_generator(seed, n)]).item() for row, c, n in rows]
        greedy = [id for id, c in zip(together, SETTINGS, strict=True) if c.temperature == 0 or c.top_k == 1]
        likeliest = zip(logits.argmax(dim=-1).tolist(), SETTINGS, strict=True)
        assert greedy == [id for id, c in likeliest if c.temperature == 0 or c.top_k == 1]


def test_min_p_of_one_keeps_the_likeliest() -> None:
    p = torch.tensor([[0.5, 0.3, 0.2]])
    assert filter_tail(p, [SamplingConfig(min_p=1.0)]).tolist() == [[0.5, 0.0, 0.0]]


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": -0.1}, {"temperature": math.nan}, {"temperature": math.inf}, {"top_k": -1},
        {"top_p": 0.0}, {"top_p": 1.1}, {"min_p": -0.1}, {"min_p": 2.0}, {"seed": -1}, {"max_tokens": 0},
    ],
)  # fmt: skip
def test_bad_values(options: dict[str, float]) -> None:
    name = next(iter(options)).replace("_", "-")
    with pytest.raises(ConfigError, match=f"--{name} is .* must be"):
        SamplingConfig(**options)  # type: ignore[arg-type]


def test_repetition_is_what_transformers_has() -> None:
    transformers = pytest.importorskip("transformers")
    logits, prompt, new_ids = torch.randn(20, generator=torch.Generator().manual_seed(0)), [3, 3, 5], [7, 3, 11, 11]
    reference = transformers.RepetitionPenaltyLogitsProcessor(1.4)
    expected = reference(torch.tensor([prompt + new_ids]), logits[None].clone())[0]
    penalize(logits, SamplingConfig(repetition_penalty=1.4), np.array(prompt), new_ids)
    torch.testing.assert_close(logits, expected)


def test_presence_and_frequency_count_the_answer_alone() -> None:
    """OpenAI's formula: each logit loses frequency × its count, and presence if there is any."""
    logits = torch.zeros(6)
    penalize(logits, SamplingConfig(presence_penalty=0.5, frequency_penalty=0.25), np.array([1, 1, 2]), [2, 4, 4])
    assert logits.tolist() == [0, 0, -0.75, 0, -1.0, 0]
    penalize(logits, SamplingConfig(presence_penalty=0.5), np.array([1]), [])
    assert logits.tolist() == [0, 0, -0.75, 0, -1.0, 0]


@pytest.mark.parametrize(
    "wrong", [{"repetition_penalty": 0.0}, {"presence_penalty": math.nan}, {"frequency_penalty": math.inf}]
)
def test_penalties_that_cannot_be(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="penalty"):
        SamplingConfig(**wrong)  # type: ignore[arg-type]
