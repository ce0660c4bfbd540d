"""The live engine against the engine alone."""

import asyncio
import itertools
from collections.abc import Awaitable, Iterator
from concurrent.futures import Future
from contextlib import aclosing, contextmanager
from time import perf_counter
from typing import TypeVar
from unittest.mock import patch

import pytest

from primer.engine import live as live_module
from primer.engine.engine import Engine
from primer.engine.live import EngineClosed, LiveEngine
from primer.engine.request import Request, Token
from primer.engine.sampling import SamplingConfig
from tests.engine.test_engine import NUM_IDS, cached_model

T = TypeVar("T")
ENDLESS = Request([1, 2], SamplingConfig(temperature=1.0, max_tokens=10**9))


@contextmanager
def live(num_slots: int = 8) -> Iterator[LiveEngine]:
    engine = LiveEngine(Engine(cached_model("primer"), NUM_IDS, num_slots=num_slots))
    try:
        yield engine
    finally:
        engine.close()


def run(work: Awaitable[T]) -> T:
    async def limited() -> T:
        return await asyncio.wait_for(work, 60)

    return asyncio.run(limited())


async def ids(engine: LiveEngine, request: Request, limit: int = 10**9) -> list[int]:
    found: list[int] = []
    async with aclosing(engine.stream(request)) as stream:
        async for tokens in stream:
            found += [token.id for token in tokens]
            if len(found) >= limit:
                break
    return found[:limit]


def test_fifty_streams_are_each_what_they_are_alone() -> None:
    requests = [
        Request([i % 7, i % 5], SamplingConfig(temperature=1.0, max_tokens=1 + i % 13), sample=i) for i in range(50)
    ]
    limits = [3 if i % 4 == 0 else 10**9 for i in range(50)]  # every fourth hangs up
    alone = Engine(cached_model("primer"), NUM_IDS)
    expected = [[token.id for token in alone.run([request])] for request in requests]

    async def all_of_them(engine: LiveEngine) -> list[list[int]]:
        found = await asyncio.gather(*map(ids, [engine] * 50, requests, limits))
        await engine.drain()
        assert (engine.num_waiting, engine.num_running) == (0, 0)
        return found

    with live() as engine:
        assert run(all_of_them(engine)) == [e[:limit] for e, limit in zip(expected, limits, strict=True)]


def test_tokens_come_at_once_until_something_is_seen_and_then_at_a_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    looks, steps = itertools.count(1), itertools.count()

    async def pieces(engine: LiveEngine) -> list[int]:
        request = Request([1, 2], SamplingConfig(temperature=1.0, max_tokens=300))
        return [len(tokens) async for tokens in engine.stream(request, is_seen=lambda: next(looks) > 3)]

    monkeypatch.setattr(live_module, "PACE", 20)
    monkeypatch.setattr(live_module, "perf_counter", lambda: next(steps))  # a second a step
    with live() as engine:
        found = run(pieces(engine))
    assert found == [1, 1, 1, 1, 17, *[20] * 13, 300 - 21 - 260]


def test_many_answers_share_the_pieces_of_a_second() -> None:
    async def num_pieces(engine: LiveEngine, seed: int) -> int:
        sampling = SamplingConfig(temperature=1.0, max_tokens=100, seed=seed)
        return len([tokens async for tokens in engine.stream(Request([1, 2], sampling))])

    async def all_of_them(engine: LiveEngine) -> tuple[int, float]:
        began = perf_counter()
        pieces = await asyncio.gather(*(num_pieces(engine, seed) for seed in range(8)))
        return sum(pieces), perf_counter() - began

    with (
        live(num_slots=8) as engine,
        patch.object(live_module, "PACE", 0.0),
        patch.object(live_module, "MOST_PIECES", 40),
    ):
        found, seconds = run(all_of_them(engine))
    assert found <= 8 * 2 + 40 * seconds  # of each the last one more, and where they begin at different times


def test_what_is_written_does_not_wait_for_a_tool() -> None:
    answer: Future[list[int]] = Future()
    alone = Engine(cached_model("primer"), NUM_IDS)
    sampling = SamplingConfig(temperature=1.0, max_tokens=20)
    written = [token.id for token in alone.run([Request([1, 2], sampling)])]
    stop = next(id for id in written[3:] if id not in written[:3])
    request = Request([1, 2], sampling, stop_ids=[stop], on_stop=lambda ids: answer)

    async def until_the_tool(engine: LiveEngine) -> list[int]:
        found = await ids(engine, request, limit=written.index(stop))
        answer.cancel()
        return found

    with live() as engine:
        assert run(until_the_tool(engine)) == written[: written.index(stop)]


def test_a_client_that_leaves_frees_its_slot_before_the_next_step() -> None:
    rows: list[set[int]] = []

    async def hang_up(engine: LiveEngine) -> None:
        await ids(engine, ENDLESS, limit=2)
        assert len(await ids(engine, Request([3], SamplingConfig(max_tokens=4)))) == 4

    with live(num_slots=1) as engine:
        step = engine.engine.step

        def watched() -> list[Token]:
            tokens = step()
            rows.append({token.row for token in tokens})
            return tokens

        with patch.object(engine.engine, "step", watched):
            run(hang_up(engine))
    assert max(map(max, filter(None, rows))) == 1  # the one slot went on to the second


def test_a_request_that_cannot_be_is_refused_alone() -> None:
    async def both(engine: LiveEngine) -> list[int]:
        with pytest.raises(ValueError, match="empty prompt"):
            await ids(engine, Request([]))
        return await ids(engine, Request([1], SamplingConfig(max_tokens=3)))

    with live() as engine:
        assert len(run(both(engine))) == 3


def test_a_step_that_fails_ends_those_under_way_and_no_others() -> None:
    async def unlucky(engine: LiveEngine) -> list[int]:
        waiting = [asyncio.create_task(ids(engine, ENDLESS)) for _ in range(12)]  # more than slots
        while engine.num_running < 8:
            await asyncio.sleep(0.001)
        with patch.object(engine.engine, "step", side_effect=MemoryError("no memory")):
            results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(result, MemoryError) for result in results)
        return await ids(engine, Request([1], SamplingConfig(max_tokens=3)))

    with live() as engine:
        assert len(run(unlucky(engine))) == 3
        assert not engine.engine.busy


@pytest.mark.parametrize("fault", ["add", "cancel", "is_seen"])
def test_whatever_else_fails_those_who_come_later_are_answered(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a request that cannot be added the others hear nothing; of what else fails, all that are under way."""

    def fail(*_: object) -> bool:
        raise ZeroDivisionError(fault)

    async def others(engine: LiveEngine) -> list[object]:
        under_way = [asyncio.create_task(ids(engine, ENDLESS)) for _ in range(2)]
        while engine.num_running < 2:
            await asyncio.sleep(0.001)
        with monkeypatch.context() as patch:
            if fault == "is_seen":
                with pytest.raises(ZeroDivisionError):
                    async for _ in engine.stream(ENDLESS, is_seen=fail):
                        pass
            elif fault == "add":
                patch.setattr(engine.engine, "add", fail)
                with pytest.raises(ZeroDivisionError):
                    await ids(engine, ENDLESS)
                for each in under_way:  # they go on
                    each.cancel()
            else:
                patch.setattr(engine.engine, "cancel", fail)
                await ids(engine, ENDLESS, limit=1)
            return await asyncio.gather(*under_way, return_exceptions=True)

    async def then(engine: LiveEngine) -> list[int]:
        kind = asyncio.CancelledError if fault == "add" else ZeroDivisionError
        assert [type(result) for result in await others(engine)] == [kind, kind]
        return await ids(engine, Request([1], SamplingConfig(max_tokens=3)))

    with live() as engine:
        assert len(run(then(engine))) == 3


def test_closing_ends_what_is_under_way() -> None:
    async def closed(engine: LiveEngine) -> None:
        waiting = [asyncio.create_task(ids(engine, ENDLESS)) for _ in range(3)]
        await asyncio.sleep(0.05)
        engine.close()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(result, EngineClosed) for result in results)
        with pytest.raises(EngineClosed):
            await ids(engine, ENDLESS)

    with live() as engine:
        run(closed(engine))
        assert not engine.thread.is_alive()


def test_an_event_loop_that_ends_leaves_nothing_behind() -> None:
    with live() as engine:
        with pytest.raises(TimeoutError):
            asyncio.run(asyncio.wait_for(ids(engine, ENDLESS), 0.05))
        run(engine.drain())
        assert len(run(ids(engine, Request([1], SamplingConfig(max_tokens=3))))) == 3
