"""What the engine is asked, what it answers, and what it remembers of a row in between."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from primer.engine.sampling import SamplingConfig, row_generator

Fed = Sequence[int] | None  # ids to read before going on; None: the row is at its end
OnStop = Callable[[Sequence[int]], "Fed | Future[Fed]"]
Finished = Literal["stop", "length"]


class Constraint(Protocol):
    """A grammar that one row has to keep to. It remembers what was written, so that each request needs its own."""

    def allowed(self) -> NDArray[np.bool_]:
        """Which ids may come next, (V,): at least one."""
        ...

    def advance(self, id: int) -> None:
        """This id was written."""
        ...


@dataclass(frozen=True)
class Request:
    """Ids to continue, and how."""

    prompt: Sequence[int]
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    stop_ids: Collection[int] = ()
    sample: int = 0
    """Which of several samples of one seed: the row draws from the generator keyed by (seed, sample)."""
    on_stop: OnStop | None = None
    """Called when the row writes a stop id, with all its new ids, that one included and last. What it returns is read
    as if the model had written it, and the row goes on; None ends the row. While a Future is not done the row waits and
    the others run. It must not raise: that ends the row, and comes out of `step`."""
    on_full: Literal["slide", "stop"] = "slide"
    """When the context is full: go on from the last half of it, or end the row."""
    logprobs: bool = False
    """Give each token the log-probability that the model itself has for it: before penalties, bias, constraint,
    temperature, filters and bans."""
    top_logprobs: int = 0
    """Give with each token the ids that the model itself finds likeliest at its place, so many of them."""
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    """Added to the logits of these ids, after the penalties; -inf: never."""
    constraint: Constraint | None = None
    """Asked before each id that is chosen, and told each of them; not those that `on_stop` feeds."""


class Token(NamedTuple):
    """One new token of one row."""

    row: int
    """The request it belongs to: what `add` returned, or its place among those given, counted from 0."""
    id: int
    finished: Finished | None = None
    """Set on a row's last token: `id` is a stop id, or max_tokens (or, by choice, the context) are full."""
    forced: bool = False
    """Fed by `on_stop`, not chosen by the model."""
    logprob: float | None = None
    """In nats, where the request asks for it."""
    top: tuple[tuple[int, float], ...] = ()
    """(id, log-probability) of the likeliest, the first first, where the request asks for them."""


class Score(NamedTuple):
    """How likely a continuation is."""

    logprob: float
    """Of all its ids together, in nats."""
    num_tokens: int
    is_greedy: bool
    """Each id is the likeliest at its place."""


@dataclass(eq=False)
class Row:
    """A request on its way."""

    handle: int
    request: Request
    targets: Sequence[int] = ()
    """To score these ids after the prompt, and write nothing."""
    slot: int = -1
    """Where it runs; -1 while it waits."""
    new_ids: list[int] = field(default_factory=list)
    num_sampled: int = 0
    stop: Token | None = None
    """A stop id that is written and not given out yet: whether it is the last one depends on `waits_for`."""
    waits_for: "Future[Fed] | None" = None
    found: list[tuple[float, bool]] = field(default_factory=list)
    """(log-probability, likeliest) of the targets so far."""

    @cached_property
    def is_steered(self) -> bool:
        """Whether its logits are changed before one is picked."""
        request = self.request
        return request.sampling.penalizes or bool(request.logit_bias) or request.constraint is not None

    @cached_property
    def generator(self) -> np.random.Generator | None:
        """None where nothing is left to chance."""
        sampling = self.request.sampling
        return row_generator(sampling.seed, self.request.sample) if sampling.temperature > 0 else None

    @cached_property
    def ids(self) -> NDArray[np.int64]:
        """What is to be read: the prompt, and the targets but for the last, which no other follows."""
        return np.array([*self.request.prompt, *self.targets[:-1]], np.int64)

    @property
    def num_outputs(self) -> int:
        """Ids at the end of `ids` whose logits are needed, so that no other row can read them for this one."""
        return max(1, len(self.targets))

    @property
    def score(self) -> Score:
        """Of targets that have all been found."""
        logprobs, likeliest = zip(*self.found, strict=True)
        return Score(sum(logprobs), len(self.found), all(likeliest))
