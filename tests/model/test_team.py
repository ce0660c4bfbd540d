"""Threads that share a pass: every piece once, phase after phase, whoever comes, sleeps or is late."""

import time
from functools import partial

import numpy as np
import pytest

from primer.core.compiled import loop
from primer.model import team
from primer.model.team import (
    COUNT,
    DONE,
    PASS,
    PHASE,
    PIECE_BITS,
    Array,
    Team,
    begin,
    finish,
    look,
    take,
    wait_for_pass,
)

NUM_PHASES = 50


@loop
def share_out(shared: Array, phase: int, num_pieces: int, who: int, num_threads: int, sums: Array, by: Array) -> None:
    """A pass in which each piece adds what the phase before has come to: wrong if that was not complete, or twice."""
    for number in range(NUM_PHASES):
        piece = take(shared, phase + number, num_pieces, who, num_threads)
        while piece >= 0:
            before = 1 if number == 0 else 0
            for i in range(num_pieces if number else 0):
                before += sums[number - 1, i]
            sums[number, piece] += before % 1_000_003
            by[who] += 1
            piece = finish(shared, phase + number, num_pieces, who, num_threads)


@loop
def help_out(shared: Array, order: int, who: int, num_threads: int, sums: Array, by: Array) -> None:
    phase = 0
    while True:
        phase = wait_for_pass(shared, phase, order)
        if phase < 0:
            return
        share_out(shared, phase, look(shared, COUNT), who, num_threads, sums, by)


def helping(num_threads: int, sums: Array, by: Array, shared: Array, order: int, who: int) -> None:
    help_out(shared, order, who, num_threads, sums, by)


def expected(num_pieces: int) -> list[int]:
    values = [1]
    for _ in range(NUM_PHASES - 1):
        values.append(values[-1] * num_pieces % 1_000_003)
    return values


@pytest.mark.parametrize("num_helpers", [0, 1, 3])
def test_every_piece_once_and_in_order(num_helpers: int) -> None:
    helpers, num_threads, by = Team(num_helpers), num_helpers + 1, np.zeros(num_helpers + 1, np.int64)
    rng, deadline, round_number = np.random.default_rng(0), time.monotonic() + 60, 0
    help_out(np.zeros(64, np.int64), -1, 0, 1, np.zeros((NUM_PHASES, 24), np.int64), by)  # compiled, and nothing to do
    while round_number < 300 or (num_helpers and not by[1:].any()):
        assert time.monotonic() < deadline
        if round_number % 20 == 0:  # a new place to compute into, as when a cache has grown
            sums = np.zeros((NUM_PHASES, 24), np.int64)
            help = partial(helping, num_threads, sums, by, helpers.shared)
        sums[:] = 0
        num_pieces = int(rng.integers(1, 25))
        helpers.call(help)
        first = begin(helpers.shared, num_pieces, round_number % 3 != 0)
        share_out(helpers.shared, first, num_pieces, 0, num_threads, sums, by)
        assert (sums[:, :num_pieces] == np.array(expected(num_pieces))[:, None]).all()
        assert not sums[:, num_pieces:].any()
        if round_number % 50 == 0:
            time.sleep(0.02)  # they go to sleep
        round_number += 1


def test_helpers_sleep_when_nothing_comes() -> None:
    helpers, sums, by = Team(2), np.zeros((NUM_PHASES, 24), np.int64), np.zeros(3, np.int64)
    helpers.call(partial(helping, 3, sums, by, helpers.shared))
    deadline = time.monotonic() + 20
    while helpers.num_calls == 0 or helpers.num_awake:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    helpers.call(None)  # nor do they wake for nothing
    time.sleep(0.05)
    assert helpers.num_awake == 0


def test_a_helper_that_is_late_takes_nothing() -> None:
    shared, sums, by = np.zeros(64, np.int64), np.zeros((NUM_PHASES, 24), np.int64), np.zeros(2, np.int64)
    first = begin(shared, 4, True)
    share_out(shared, first, 4, 0, 2, sums, by)
    second = begin(shared, 4, True)
    share_out(shared, first, 4, 1, 2, sums, by)  # goes through the pass that is over
    assert by.tolist() == [4 * NUM_PHASES, 0]
    assert shared[PHASE] == second << PIECE_BITS
    assert shared[PASS] == second > first + NUM_PHASES


def test_own_pieces_come_first() -> None:
    shared = np.zeros(64, np.int64)
    first = begin(shared, 1, True)
    assert [take(shared, first, 8, 1, 2) for _ in range(8)] == [4, 5, 6, 7, 3, 2, 1, 0]
    first = begin(shared, 1, True)
    assert [take(shared, first, 8, 0, 2) for _ in range(8)] == [0, 1, 2, 3, 7, 6, 5, 4]
    shared[DONE] = 7  # by the others
    assert finish(shared, first, 8, 0, 2) == -1
    assert take(shared, first, 8, 0, 2) == -1


def test_one_team_of_each_size() -> None:
    assert team.team(1) is team.team(1)
