"""The engine against the model asked naively, one whole window at a time."""

import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from primer.engine.engine import Engine, Token, prepare_to_generate
from primer.engine.sampling import SamplingConfig
from primer.model.families import FAMILIES, family
from primer.model.gpt import GPT

NUM_IDS, CONTEXT = 61, 16
GREEDY = SamplingConfig(temperature=0, max_tokens=40)
WILD = SamplingConfig(temperature=1.0, max_tokens=40, seed=3)


def random_model(name: str, seed: int = 0) -> GPT:
    """A small model whose every weight matters: fresh ones have projections of zero."""
    torch.manual_seed(seed)
    shape = {
        "vocab_size": 64, "context": CONTEXT, "num_layers": 2, "num_heads": 4, "num_kv_heads": 2, "width": 32,
        "head_dim": 8, "mlp_width": 48, "ngram_buckets": 128,
    }  # fmt: skip
    model = GPT(family(name, **shape)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return model


cached_model = functools.cache(random_model)


def naive_greedy(model: GPT, prompt: list[int], num_tokens: int) -> list[int]:
    """The likeliest id after the last window, again and again, with the engine's rule for a full window."""
    window, found = prompt[-CONTEXT:], []
    for _ in range(num_tokens):
        window = window if len(window) <= CONTEXT else window[-CONTEXT // 2 :]
        with torch.no_grad():
            found.append(int(model(torch.tensor([window]))[0, -1, :NUM_IDS].argmax()))
        window = [*window, found[-1]]
    return found


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("length", [1, 5, CONTEXT - 1, CONTEXT, CONTEXT + 1, 3 * CONTEXT])
def test_greedy_is_what_the_model_says(name: str, length: int) -> None:
    model = random_model(name)
    prompt = [(7 * i) % NUM_IDS for i in range(length)]
    assert Engine(model, NUM_IDS).complete([prompt], GREEDY) == [naive_greedy(model, prompt, 40)]


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, NUM_IDS - 1), min_size=1, max_size=20), min_size=1, max_size=5),
    st.sampled_from(sorted(FAMILIES)),
    st.sampled_from([GREEDY, WILD, SamplingConfig(temperature=0.7, top_k=5, top_p=0.9, seed=11, max_tokens=25)]),
    st.sets(st.integers(0, NUM_IDS - 1), max_size=3),
)
def test_cached_equals_uncached(
    prompts: list[list[int]], name: str, sampling: SamplingConfig, stop_ids: set[int]
) -> None:
    model = cached_model(name)
    cached = list(Engine(model, NUM_IDS).generate(prompts, sampling, stop_ids))
    uncached = list(Engine(model, NUM_IDS, use_cache=False).generate(prompts, sampling, stop_ids))
    assert cached == uncached


def test_a_row_is_the_same_beside_others() -> None:
    engine = Engine(cached_model("primer"), NUM_IDS)
    alone = engine.complete([[1, 2, 3]], WILD)
    assert engine.complete([[1, 2, 3], [4, 5, 6], [7], [1, 2, 3]], WILD)[:1] == alone
    assert engine.complete([[1, 2, 3]] * 6, WILD)[:1] == alone


def test_samples_differ_and_seeds_decide() -> None:
    engine = Engine(cached_model("primer"), NUM_IDS)
    samples = engine.complete([[1, 2]] * 4, WILD)
    assert len({tuple(sample) for sample in samples}) == 4
    assert engine.complete([[1, 2]] * 4, WILD) == samples
    assert engine.complete([[1, 2]] * 4, SamplingConfig(temperature=1.0, max_tokens=40, seed=4)) != samples


def test_a_prompt_is_read_once_for_all_its_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    model, shapes = random_model("llama"), []
    hidden = model.hidden
    monkeypatch.setattr(
        model, "hidden", lambda ids, cache=None: (shapes.append(tuple(ids.shape)), hidden(ids, cache))[1]
    )
    Engine(model, NUM_IDS).complete([[1, 2, 3]] * 4, SamplingConfig(max_tokens=3))
    assert shapes == [(1, 3), (4, 1), (4, 1)]


def test_rows_leave_at_their_stop_id(monkeypatch: pytest.MonkeyPatch) -> None:
    model, widths = random_model("gpt2"), []
    free = Engine(model, NUM_IDS).complete([[1, 2]] * 3, WILD)
    stop = next(id for id in free[0] if id not in free[1])  # ends the first row, and not the second
    hidden = model.hidden
    monkeypatch.setattr(model, "hidden", lambda ids, cache=None: (widths.append(len(ids)), hidden(ids, cache))[1])
    tokens = list(Engine(model, NUM_IDS).generate([[1, 2]] * 3, WILD, {stop}))
    first = [token for token in tokens if token.row == 0]
    assert first[-1] == Token(0, stop, "stop")
    assert [token.id for token in first] == free[0][: free[0].index(stop) + 1]
    second = [token for token in tokens if token.row == 1]
    assert [token.id for token in second] == free[1]
    assert [token.finished for token in second] == [None] * 39 + ["length"]
    assert len(tokens) == sum(widths) + 2  # the prefill of one row serves three; nothing is computed for rows gone
    assert Engine(model, NUM_IDS).complete([[1, 2]], WILD, {stop}) == [free[0][: free[0].index(stop)]]


def test_padding_and_banned_ids_are_never_sampled() -> None:
    model = random_model("gpt2")
    with torch.no_grad():  # the model wants nothing but the padding and id 5
        model.head.weight.zero_()
        model.final_norm.bias.fill_(1.0)
        model.head.weight[[5, 62, 63]] = 10.0
    for sampling in (GREEDY, WILD):
        ids = Engine(model, NUM_IDS, banned=[5, 9]).complete([[1]] * 8, sampling)
        assert set().union(*ids) <= set(range(NUM_IDS)) - {5, 9}
        assert Engine(model, NUM_IDS).complete([[1]], sampling) == [[5] * 40]


def test_a_model_in_training_is_left_in_training() -> None:
    model = random_model("primer")
    model.train()
    weights = {name: p.clone() for name, p in model.named_parameters()}
    tokens = Engine(model, NUM_IDS).generate([[1]], WILD)
    next(tokens)
    assert not model.training
    tokens.close()
    assert model.training
    assert all(torch.equal(p, weights[name]) for name, p in model.named_parameters())
    model(torch.tensor([[1, 2]])).sum().backward()  # and can be trained on


@pytest.mark.parametrize("name", FAMILIES)
def test_prepared_models_write_the_same(name: str) -> None:
    model = random_model(name)
    expected = Engine(model, NUM_IDS).complete([[1, 2, 3]] * 3, WILD)
    assert Engine(prepare_to_generate(model), NUM_IDS).complete([[1, 2, 3]] * 3, WILD) == expected


@pytest.mark.parametrize("name", FAMILIES)
def test_prepared_models_in_bfloat16(name: str) -> None:
    model = random_model(name)
    model.compute_dtype = torch.bfloat16
    ids = torch.arange(10)[None]
    with torch.no_grad():
        expected = model(ids)
        torch.testing.assert_close(prepare_to_generate(model)(ids), expected)
    assert len(Engine(model, NUM_IDS).complete([[1]], WILD)[0]) == 40


def test_what_cannot_be_asked() -> None:
    model = cached_model("primer")
    engine = Engine(model, NUM_IDS)
    with pytest.raises(ValueError, match="empty prompt"):
        engine.complete([[1], []], WILD)
    with pytest.raises(ValueError, match="ids from 0 to 60"):
        engine.complete([[NUM_IDS]], WILD)
    with pytest.raises(ValueError, match="65 ids do not fit"):
        Engine(model, 65)
    assert engine.complete([], WILD) == []
