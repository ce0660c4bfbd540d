"""The engine against the model asked naively, one whole window at a time."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from primer.engine import scheduler, windows
from primer.engine.engine import Engine
from primer.engine.request import Request, Token
from primer.engine.sampling import SamplingConfig, penalize, pick, row_generator
from primer.engine.scheduler import RIDE
from primer.engine.windows import WORTH_SHARING, Windows
from primer.model.families import FAMILIES, family
from primer.model.gpt import GPT
from primer.model.prepared import prepare_to_generate

NUM_IDS, CONTEXT = 61, 16
GREEDY = SamplingConfig(temperature=0, max_tokens=40)
WILD = SamplingConfig(temperature=1.0, max_tokens=40, seed=3)


def random_model(name: str, context: int = CONTEXT) -> GPT:
    """A small model whose every weight matters: fresh ones have projections of zero."""
    torch.manual_seed(0)
    shape = {
        "vocab_size": 64, "context": context, "num_layers": 2, "num_heads": 4, "num_kv_heads": 2, "width": 32,
        "head_dim": 8, "mlp_width": 48, "ngram_buckets": 128,
    }  # fmt: skip
    model = GPT(family(name, **shape)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return model


cached_model = functools.cache(random_model)


def naive(model: GPT, request: Request) -> list[Token]:
    """One request alone, the whole window read anew for every token, with the engine's rules."""
    context = model.config.context
    window, new_ids, num_sampled = list(request.prompt[-context:]), [], 0
    generator = row_generator(request.sampling.seed, request.sample)
    tokens: list[Token] = []
    while True:
        with torch.no_grad():
            logits = model(torch.tensor([window]))[:, -1, :]
        logits[:, NUM_IDS:] = -torch.inf
        if request.sampling.penalizes:
            penalize(logits[0], request.sampling, np.array(request.prompt), new_ids)
        for biased, bias in request.logit_bias.items():
            logits[0, biased] += bias
        id = int(pick(logits, [request.sampling], [generator]))
        new_ids.append(id)
        num_sampled += 1
        full, fed = num_sampled == request.sampling.max_tokens, None
        if id in request.stop_ids:
            fed = None if full or request.on_stop is None else request.on_stop(new_ids)
            fed = fed.result() if isinstance(fed, Future) else fed
            if fed is None:
                return [*tokens, Token(0, id, "stop")]
        added = [id, *(fed or [])]
        new_ids += fed or []
        tokens += [Token(0, id, forced=i > 0) for i, id in enumerate(added)]
        if full:
            return [*tokens[:-1], tokens[-1]._replace(finished="length")]
        room = context - len(window)
        if request.on_full == "stop" and len(added) > room:
            tokens = tokens[: len(tokens) - len(added) + room + 1]
            return [*tokens[:-1], tokens[-1]._replace(finished="length")]
        window += added
        if len(window) > context:
            window = window[-context // 2 :]


def naive_ids(model: GPT, prompt: list[int], sampling: SamplingConfig) -> list[int]:
    return [token.id for token in naive(model, Request(prompt, sampling))]


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("length", [1, 5, CONTEXT - 1, CONTEXT, CONTEXT + 1, 3 * CONTEXT])
def test_greedy_is_what_the_model_says(name: str, length: int) -> None:
    model = random_model(name)
    prompt = [(7 * i) % NUM_IDS for i in range(length)]
    for sampling in (GREEDY, WILD):
        assert Engine(model, NUM_IDS).complete([prompt], sampling) == [naive_ids(model, prompt, sampling)]


# --- side by side ---


def reads_on(new_ids: Sequence[int]) -> list[int] | None:
    """Feeds the row once or twice, as much as the id before the stop id says."""
    if len(new_ids) > 25:
        return None
    return [int(id) for id in range(len(new_ids) % 14)]


def answers_later(new_ids: Sequence[int]) -> "Future[Sequence[int] | None]":
    future: Future[Sequence[int] | None] = Future()
    future.set_result(reads_on(new_ids))
    return future


SAMPLINGS = [
    SamplingConfig(temperature=0, max_tokens=12),
    SamplingConfig(temperature=0, max_tokens=33),
    SamplingConfig(temperature=1.0, seed=3, max_tokens=20),
    SamplingConfig(temperature=0.7, top_k=5, top_p=0.9, seed=11, max_tokens=17),
    SamplingConfig(temperature=1.3, min_p=0.05, seed=4, max_tokens=1),
    SamplingConfig(temperature=0, repetition_penalty=1.3, max_tokens=12),
    SamplingConfig(temperature=1.0, presence_penalty=0.7, frequency_penalty=-0.4, top_k=9, max_tokens=20),
]
PROMPTS = st.one_of(
    st.lists(st.integers(0, NUM_IDS - 1), min_size=1, max_size=20),
    # Two texts longer than what is worth sharing, told apart only later: prefixes are found, promised and copied.
    st.tuples(st.integers(0, 1), st.integers(1, CONTEXT)).map(
        lambda two: [(5 * i + two[0]) % NUM_IDS for i in range(two[1])]
    ),
    st.tuples(st.integers(0, 9), st.integers(CONTEXT - 4, CONTEXT)).map(
        lambda two: [*((7 * i) % NUM_IDS for i in range(two[1] - 1)), two[0]]
    ),
)
REQUESTS = st.builds(
    Request,
    prompt=PROMPTS,
    sampling=st.sampled_from(SAMPLINGS),
    stop_ids=st.sets(st.integers(0, NUM_IDS - 1), max_size=9),
    sample=st.integers(0, 3),
    on_stop=st.sampled_from([None, None, reads_on, answers_later]),
    on_full=st.just("slide"),
    logit_bias=st.dictionaries(st.integers(0, NUM_IDS - 1), st.sampled_from([-torch.inf, -2.0, 3.0]), max_size=3),
)
CONTEXT_STOPS = REQUESTS.filter(lambda r: len(r.prompt) <= CONTEXT).map(
    lambda r: dataclasses.replace(r, on_full="stop")
)


@contextmanager
def everything_is_worth_it() -> Iterator[None]:
    """Prefixes are shared, and rows ride along, at the sizes of these tests as well."""
    with (
        patch.object(scheduler, "RIDE", 2),
        patch.object(scheduler, "WORTH_SHARING", 3),
        patch.object(windows, "WORTH_SHARING", 3),
    ):
        yield


@settings(max_examples=40, deadline=None)
@given(
    st.data(), st.sampled_from(sorted(FAMILIES)), st.integers(1, 5), st.sampled_from([3, 17, 1024]),
    st.sampled_from([0, 9, 256]), st.booleans(),
)  # fmt: skip
@everything_is_worth_it()
def test_any_schedule_gives_each_request_what_it_gets_alone(
    data: st.DataObject, name: str, num_slots: int, chunk_tokens: int, few: int, records: bool
) -> None:
    """Read by PyTorch, in steps as a GPU records them or not, and by the loops in passes of few ids and of many."""
    model = cached_model(name)
    can_run = patch.object(windows.Loops, "can_run", return_value=few > 0)
    recorded = patch.object(windows, "RECORDED_ON", ("cpu",) if records and not few else ())
    with can_run, recorded, patch.object(windows, "FEW", few), patch.object(scheduler, "FEW", few):
        for handle, (request, found, is_whole) in run_any_schedule(
            data, Engine(model, NUM_IDS, num_slots=num_slots, chunk_tokens=chunk_tokens)
        ).items():
            expected = [token._replace(row=handle) for token in naive(model, request)]
            assert found == (expected if is_whole else expected[: len(found)])


@settings(max_examples=20, deadline=None)
@given(
    st.data(), st.sampled_from(["float32", "bfloat16", "int8"]), st.sampled_from([3, 1024]), st.sampled_from([9, 256])
)
@everything_is_worth_it()
def test_in_any_precision_a_row_is_what_it_is_alone(
    data: st.DataObject, weights: Any, chunk_tokens: int, few: int
) -> None:
    """To where sums are rounded: PyTorch's bfloat16 products of many rows and of few are 1 % of a logit apart."""
    model = prepared_model(weights)
    with patch.object(windows, "FEW", few), patch.object(scheduler, "FEW", few):
        answers = run_any_schedule(data, Engine(model, NUM_IDS, chunk_tokens=chunk_tokens), logprobs=True)
    for handle, (request, found, _) in answers.items():
        alone = list(Engine(model, NUM_IDS).run([request]))[: len(found)]
        assert [token._replace(row=handle, logprob=None) for token in alone] == [
            token._replace(logprob=None) for token in found
        ]
        for token, other in zip(found, alone, strict=True):
            assert token.logprob == pytest.approx(other.logprob, abs=1e-4)


@functools.cache
def prepared_model(weights: Any) -> GPT:
    model = random_model("primer")
    model.compute_dtype = torch.float32 if weights == "float32" else torch.bfloat16
    return prepare_to_generate(model, weights)


def run_any_schedule(
    data: st.DataObject, engine: Engine, **changes: Any
) -> dict[int, tuple[Request, list[Token], bool]]:
    """Requests, their tokens, and whether they were not cancelled."""
    requests: dict[int, Request] = {}
    tokens: dict[int, list[Token]] = {}
    cancelled: set[int] = set()
    for _ in range(data.draw(st.integers(1, 12))):
        for drawn in data.draw(st.lists(st.one_of(REQUESTS, CONTEXT_STOPS), max_size=3)):
            request = dataclasses.replace(drawn, **changes)
            handle = engine.add(request)
            requests[handle], tokens[handle] = request, []
        if requests and data.draw(st.integers(0, 3)) == 0:
            handle = data.draw(st.sampled_from(sorted(requests)))
            if engine.cancel(handle):
                cancelled.add(handle)
        for _ in range(data.draw(st.integers(0, 9))):
            collect(engine, tokens, cancelled)
    while engine.busy:
        collect(engine, tokens, cancelled)
    assert not engine.cancel(0)
    return {handle: (request, tokens[handle], handle not in cancelled) for handle, request in requests.items()}


def collect(engine: Engine, tokens: dict[int, list[Token]], cancelled: set[int]) -> None:
    for token in engine.step():
        assert token.row not in cancelled
        tokens[token.row].append(token)


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


def listen(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """How many ids of each row are read in each pass."""
    passes: list[list[int]] = []
    read = Windows.read

    def note(windows: Windows, slots: Any, counts: Any, wanted: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        passes.append(counts.tolist())
        return read(windows, slots, counts, wanted)

    monkeypatch.setattr(Windows, "read", note)
    return passes


def test_a_prompt_is_read_once_for_all_its_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model("llama", context=64)
    prompt, alike = list(range(40)), [*range(30), 7, 7]
    sampling = SamplingConfig(temperature=1.0, max_tokens=3)
    expected = [naive_ids(model, prompt, sampling) for prompt in (prompt, alike)]
    passes = listen(monkeypatch)
    completions = Engine(model, NUM_IDS).complete([prompt, prompt, prompt, alike], sampling)
    assert completions[0] == expected[0]
    assert sum(map(sum, passes)) == 40 + 1 + 1 + 2 + 4 * 2  # what was not shared, and two tokens a row
    assert Engine(model, NUM_IDS).complete([alike], sampling) == expected[1:]
    assert RIDE < WORTH_SHARING


def test_prompts_of_like_length_are_read_together_and_rows_gone_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model("gpt2")
    passes = listen(monkeypatch)
    prompts = [[i] * n for i, n in enumerate([16, 15, 14, 13, 12])]
    samplings = [SamplingConfig(temperature=0, max_tokens=n) for n in (1, 2, 3, 4, 4)]
    requests = [Request(p, s, on_full="slide") for p, s in zip(prompts, samplings, strict=True)]
    assert len(list(Engine(model, NUM_IDS).run(requests))) == 14
    assert passes == [[16, 15, 14, 13, 12], [1] * 4, [1] * 3, [1] * 2]


def test_a_long_prompt_does_not_stall_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model("primer", context=256)
    engine = Engine(model, NUM_IDS, chunk_tokens=20)
    first = engine.add(Request([1], GREEDY))
    assert len(engine.step()) == 1
    second = engine.add(Request([3] * 199, GREEDY))
    passes, rows = listen(monkeypatch), []
    for _ in range(11):
        rows.append([token.row for token in engine.step()])
    assert rows[:9] == [[first]] * 9
    assert rows[9:] == [[first, second]] * 2
    assert max(map(sum, passes)) == 20 + 1  # of the prompt, and of the row that writes


def test_prompts_are_read_in_pieces_while_others_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "FEW", 20)
    monkeypatch.setattr(scheduler, "FEW", 20)
    engine = Engine(random_model("primer", context=64), NUM_IDS)
    first = engine.add(Request([1], GREEDY))
    engine.step()
    others = [engine.add(Request([prompt] * 48, GREEDY)) for prompt in range(3)]
    passes, rows = listen(monkeypatch), []
    for _ in range(8):
        rows.append([token.row for token in engine.step()])
    assert [sum(counts) for counts in passes] == [20] * 7 + [4 + 15]  # 3 × 48 ids, and a row, two, three that write
    assert [row[0] for row in rows] == [first] * 8
    assert [row[-1] for row in rows] == [first] * 2 + [others[0]] * 3 + [others[1]] * 2 + [others[2]]


def test_a_step_is_recorded_for_each_power_of_two_of_rows_and_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "RECORDED_ON", ("cpu",))
    monkeypatch.setattr(windows.Loops, "can_run", lambda _: False)
    model = random_model("primer", context=160)
    engine = Engine(model, NUM_IDS, num_slots=5)
    samplings = [SamplingConfig(temperature=0, max_tokens=n) for n in (3, 100, 3)]
    tokens = engine.run([Request([i], sampling) for i, sampling in enumerate(samplings)])
    sizes = {frozenset(engine.rows.windows.recorder.steps) for _ in tokens if engine.rows.windows.recorder}
    assert max(sizes, key=len) == {(4, 64), (1, 64), (1, 128)}


def test_rows_leave_at_their_stop_id() -> None:
    model = random_model("gpt2")
    free = Engine(model, NUM_IDS).complete([[1, 2]] * 3, WILD)
    stop = next(id for id in free[0] if id not in free[1])  # ends the first row, and not the second
    tokens = list(Engine(model, NUM_IDS).generate([[1, 2]] * 3, WILD, {stop}))
    first = [token for token in tokens if token.row == 0]
    assert first[-1] == Token(0, stop, "stop")
    assert [token.id for token in first] == free[0][: free[0].index(stop) + 1]
    second = [token for token in tokens if token.row == 1]
    assert [token.id for token in second] == free[1]
    assert [token.finished for token in second] == [None] * 39 + ["length"]
    assert Engine(model, NUM_IDS).complete([[1, 2]], WILD, {stop}) == [free[0][: free[0].index(stop)]]


# --- tools ---


def test_others_go_on_while_a_row_waits_for_its_tool() -> None:
    engine, released = Engine(cached_model("llama"), NUM_IDS), Event()
    every_id = range(NUM_IDS)
    with ThreadPoolExecutor() as pool:

        def ask(new_ids: Sequence[int]) -> "Future[Sequence[int] | None]":
            return pool.submit(lambda: [5, 6, 7] if len(new_ids) == 1 and released.wait(20) else None)

        waits = engine.add(Request([1, 2], GREEDY, every_id, on_stop=ask))
        runs = engine.add(Request([3, 4], GREEDY))
        tokens = [token for _ in range(40) for token in engine.step()]
        assert [token.row for token in tokens] == [runs] * 40
        assert engine.step() == []  # only the tool is left to wait for
        released.set()
        tokens = []
        while engine.busy:
            tokens += engine.step()
    assert [(token.row, token.forced, token.finished) for token in tokens] == [
        (waits, False, None), *[(waits, True, None)] * 3, (waits, False, "stop"),
    ]  # fmt: skip
    assert [token.id for token in tokens[1:4]] == [5, 6, 7]


def test_a_callback_that_raises_ends_its_row_alone() -> None:
    engine = Engine(cached_model("llama"), NUM_IDS)

    def broken(new_ids: Sequence[int]) -> list[int]:
        raise ZeroDivisionError

    def later(new_ids: Sequence[int]) -> "Future[Sequence[int] | None]":
        future: Future[Sequence[int] | None] = Future()
        future.set_exception(ZeroDivisionError())
        return future

    for callback in (broken, later):
        other = engine.add(Request([3, 4], SamplingConfig(temperature=0, max_tokens=3)))
        engine.add(Request([1, 2], GREEDY, range(NUM_IDS), on_stop=callback))
        tokens = []
        for _ in range(6):
            try:
                tokens += engine.step()
            except ZeroDivisionError:
                tokens += [None]
        assert tokens.count(None) == 1
        assert {token.row for token in tokens if token} <= {other}
        assert not engine.busy


# --- log-probabilities ---


@pytest.mark.parametrize("temperature", [0, 0.5])
def test_logprobs_are_the_models_own(temperature: float) -> None:
    model = random_model("primer")
    sampling = SamplingConfig(temperature=temperature, top_k=3, max_tokens=8)
    requests = [Request([1, 2, 3], sampling, logprobs=True), Request([4], sampling)]
    tokens = list(Engine(model, NUM_IDS).run(requests))
    assert all(token.logprob is None for token in tokens if token.row == 1)
    ids = [1, 2, 3] + [token.id for token in tokens if token.row == 0]
    with torch.no_grad():
        losses = model.token_losses(torch.tensor([ids[:-1]]), torch.tensor([ids[1:]]))[0, 2:]
    torch.testing.assert_close(torch.tensor([-token.logprob for token in tokens if token.row == 0]), losses)


def test_the_likeliest_come_with_each_token() -> None:
    model, sampling = random_model("primer"), SamplingConfig(temperature=1.0, max_tokens=6)
    bias = {5: -torch.inf}  # what is asked of the row changes nothing in what the model thinks
    requests = [Request([1, 2], sampling, top_logprobs=n, logit_bias=bias) for n in (3, 0, 99)]
    tokens = list(Engine(model, NUM_IDS).run(requests))
    ids = [1, 2]
    for token in [token for token in tokens if token.row == 0]:
        with torch.no_grad():
            logprobs, likeliest = model(torch.tensor([ids]))[0, -1].log_softmax(dim=-1)[:NUM_IDS].topk(3)
        assert [id for id, _ in token.top] == likeliest.tolist()
        assert [p for _, p in token.top] == pytest.approx(logprobs.tolist(), abs=1e-4)
        assert (token.id, token.logprob) == (token.id, None)
        ids.append(token.id)
    assert all(token.top == () for token in tokens if token.row == 1)
    assert all(len(token.top) == NUM_IDS for token in tokens if token.row == 2)


class Counts:
    """Lets ids come in one order only, and then the end."""

    def __init__(self) -> None:
        self.next = 7

    def allowed(self) -> NDArray[np.bool_]:
        return np.arange(NUM_IDS) == self.next

    def advance(self, id: int) -> None:
        assert id == self.next
        self.next += 1


def test_a_constraint_is_kept_to_beside_others() -> None:
    engine = Engine(cached_model("primer"), NUM_IDS)
    requests = [Request([1], WILD), Request([1], WILD, {12}, constraint=Counts())]
    tokens = list(engine.run(requests))
    assert [token.id for token in tokens if token.row == 1] == [7, 8, 9, 10, 11, 12]
    assert [token.id for token in tokens if token.row == 0] == engine.complete([[1]], WILD)[0]


TARGETS = st.lists(st.integers(0, NUM_IDS - 1), min_size=1, max_size=CONTEXT)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(PROMPTS, st.lists(TARGETS, min_size=1, max_size=4)), max_size=4),
    st.sampled_from(sorted(FAMILIES)),
    st.integers(1, 4),
    st.sampled_from([5, 1024]),
)
@everything_is_worth_it()
def test_scores_are_the_models_losses(
    questions: list[tuple[list[int], list[list[int]]]], name: str, num_slots: int, chunk_tokens: int
) -> None:
    pairs = [(prompt, targets) for prompt, options in questions for targets in options]
    model = cached_model(name)
    engine = Engine(model, NUM_IDS, num_slots=num_slots, chunk_tokens=chunk_tokens)
    scores = engine.score([prompt for prompt, _ in pairs], [targets for _, targets in pairs])
    for (prompt, targets), score in zip(pairs, scores, strict=True):
        ids = torch.tensor([[*prompt, *targets]])[:, -CONTEXT - 1 :]
        with torch.no_grad():
            logits = model(ids[:, :-1])[0, -len(targets) :]
        logprob = logits.log_softmax(dim=-1).gather(-1, torch.tensor(targets)[:, None]).sum()
        assert score.logprob == pytest.approx(float(logprob), rel=1e-4, abs=1e-3)
        assert score.num_tokens == len(targets)
        assert score.is_greedy == (logits.argmax(dim=-1).tolist() == targets)


def test_options_share_their_question(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model("primer", context=64)
    question, options = [*range(30)], [[1, 2], [3], [4, 5, 6], [7]]
    alone = [Engine(model, NUM_IDS).score([question], [option])[0] for option in options]
    passes = listen(monkeypatch)
    scores = Engine(model, NUM_IDS).score([question] * 4, options)
    for score, expected in zip(scores, alone, strict=True):
        assert score.logprob == pytest.approx(expected.logprob, abs=1e-4)
        assert score[1:] == expected[1:]
    assert sum(map(sum, passes)) < 45


# --- what it does not do ---


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


def test_one_run_at_a_time() -> None:
    engine = Engine(cached_model("primer"), NUM_IDS)
    tokens = engine.generate([[1]], WILD)
    next(tokens)
    with pytest.raises(RuntimeError, match="other requests"):
        engine.complete([[1]], WILD)
    tokens.close()
    assert not engine.busy
    assert engine.complete([[1]], WILD)
    assert not engine.cancel(0)


def test_new_weights_are_not_met_by_old_keys() -> None:
    model = random_model("llama", context=64)
    engine, prompts = Engine(model, NUM_IDS), [list(range(40))] * 2
    engine.complete(prompts, GREEDY)
    with torch.no_grad():
        model.blocks[0].attention.qkv.weight.mul_(-1)
    assert engine.complete(prompts, GREEDY) == Engine(model, NUM_IDS).complete(prompts, GREEDY)


def test_what_cannot_be_asked() -> None:
    model = cached_model("primer")
    engine = Engine(model, NUM_IDS)
    with pytest.raises(ValueError, match="empty prompt"):
        engine.complete([[1], []], WILD)
    with pytest.raises(ValueError, match="ids from 0 to 60, this one 61"):
        engine.complete([[1, NUM_IDS]], WILD)
    with pytest.raises(ValueError, match="ids from 0 to 60, this one 61"):
        engine.add(Request([1], logit_bias={NUM_IDS: 1.0}))
    with pytest.raises(ValueError, match="65 ids do not fit"):
        Engine(model, 65)
    with pytest.raises(ValueError, match="num_slots"):
        Engine(model, NUM_IDS, num_slots=0)
    with pytest.raises(ValueError, match="a prompt of 17 ids does not fit into a context of 16"):
        engine.add(Request([1] * 17, on_full="stop"))
    with pytest.raises(ValueError, match="a continuation of 17 ids"):
        engine.score([[1]], [[1] * 17])
    with pytest.raises(ValueError, match="empty"):
        engine.score([[1]], [[]])
    assert not engine.busy
    assert engine.complete([], WILD) == []
    assert engine.score([], []) == []
