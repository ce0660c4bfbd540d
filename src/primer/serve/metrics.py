"""What the server has done, for Prometheus: counted in a registry of its own, so that two servers can share a process.

| metric | kind | labels |
| --- | --- | --- |
| primer_requests_total | counter | path, model, status |
| primer_tokens_total | counter | model, kind: prompt or completion |
| primer_first_token_seconds | histogram | model: until something is seen of an answer |
| primer_token_seconds | histogram | model: the time from one token to the next, averaged over an answer |
| primer_verdicts_total | counter | category, action, direction: input or output |
| primer_rows_waiting, primer_rows_running | gauge | model: answers in the engine, several for a request with n > 1 |
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from primer.serve.models import ServedModel

# The others are counted as one: whoever asks for ever new paths must not fill our memory with counters.
PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/models", "/health", "/metrics", "/primer/safety")
FIRST_TOKEN_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
TOKEN_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)


class Metrics:
    """Counters, and how to read them."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram

        self.registry = CollectorRegistry()
        self.requests = Counter(
            "primer_requests", "Requests that have ended.", ["path", "model", "status"], registry=self.registry
        )
        self.num_tokens = Counter(
            "primer_tokens", "Tokens read and written.", ["model", "kind"], registry=self.registry
        )
        self.first_tokens = Histogram(
            "primer_first_token_seconds", "From a request that has passed the filters to its first text that has.",
            ["model"], registry=self.registry, buckets=FIRST_TOKEN_BUCKETS,
        )  # fmt: skip
        self.token_times = Histogram(
            "primer_token_seconds", "From a token to the next, averaged over an answer.", ["model"],
            registry=self.registry, buckets=TOKEN_BUCKETS,
        )  # fmt: skip
        self.verdicts = Counter(
            "primer_verdicts", "What the safety filters found.", ["category", "action", "direction"],
            registry=self.registry,
        )  # fmt: skip

    def request(self, path: str, model: str, status: int) -> None:
        """A request has ended. `GateMiddleware` counts them all, so the application does not."""
        known = next((each for each in PATHS if path == each or path.startswith(f"{each}/")), "other")
        self.requests.labels(known, model, str(status)).inc()

    def tokens(self, count: int, kind: Literal["prompt", "completion"] = "completion", model: str = "") -> None:
        """Tokens that were read, or written."""
        self.num_tokens.labels(model, kind).inc(count)

    def first_text(self, seconds: float, model: str = "") -> None:
        """Something was seen of an answer so long after the question had passed the filters."""
        self.first_tokens.labels(model).observe(seconds)

    def token_time(self, seconds: float, model: str = "") -> None:
        """An answer has ended whose tokens came so far apart."""
        self.token_times.labels(model).observe(seconds)

    def verdict(self, category: str, action: str, direction: str) -> None:
        """A filter has found something."""
        self.verdicts.labels(category, action, direction).inc()

    def watch(self, loaded: "Callable[[], Iterable[ServedModel]]") -> None:
        """Report the queues of these models, as they are when somebody reads the metrics."""
        self.registry.register(Queues(loaded))

    def render(self) -> tuple[bytes, str]:
        """All of it in Prometheus' text format, and the content type of that."""
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return generate_latest(self.registry), CONTENT_TYPE_LATEST


class Queues:
    """Collector of the gauges of models that are loaded."""

    def __init__(self, loaded: "Callable[[], Iterable[ServedModel]]") -> None:
        self.loaded = loaded

    def collect(self) -> Iterator[Any]:
        """The gauges, now."""
        from prometheus_client.core import GaugeMetricFamily

        waiting = GaugeMetricFamily("primer_rows_waiting", "Answers that wait for a slot.", labels=["model"])
        running = GaugeMetricFamily("primer_rows_running", "Answers that are being written.", labels=["model"])
        for model in self.loaded():
            waiting.add_metric([model.name], model.live.num_waiting)
            running.add_metric([model.name], model.live.num_running)
        yield from (waiting, running)
