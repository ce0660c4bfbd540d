"""Answers while they are written, by a model that writes what it is told to."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from primer.engine.dialogue import Event, Said
from primer.engine.request import Token
from primer.serve.errors import ApiError
from primer.serve.metrics import Metrics
from primer.serve.writing import Writing
from tests.serve.test_metrics import read


class Told:
    """An answer of three words, as engine and as dialogue have it."""

    request = None
    done = False

    def __init__(self, *, is_late: bool) -> None:
        self.is_late = is_late

    async def stream(self, *_: object) -> AsyncGenerator[list[Token]]:
        for _ in range(3):
            yield [Token(0, 5)]
        if self.is_late:
            raise TimeoutError

    def push(self, token: Token) -> list[Event]:
        return [Said("word ", (token,))]

    def finish(self) -> list[Event]:
        return []


@pytest.mark.parametrize("end", ["complete", "late", "left"])
def test_tokens_are_counted_however_an_answer_ends(end: str) -> None:
    metrics = Metrics()

    async def write() -> None:
        told: Any = Told(is_late=end == "late")
        async with aclosing(Writing(told, [told], None, metrics, "toy", 7, seconds=1).pieces()) as pieces:
            num_seen = 0
            async for _ in pieces:
                num_seen += 1
                if end == "left" and num_seen == 2:
                    break

    if end == "late":
        with pytest.raises(ApiError, match="not ready"):
            asyncio.run(write())
    else:
        asyncio.run(write())
    found = read(metrics)
    assert found["primer_tokens_total", ("prompt", "toy")] == 7
    assert found["primer_tokens_total", ("completion", "toy")] == (2 if end == "left" else 3)
    assert found["primer_first_token_seconds_count", ("toy",)] == 1
    assert found.get(("primer_token_seconds_count", ("toy",)), 0) == (end == "complete")
