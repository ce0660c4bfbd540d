"""Metrics as Prometheus reads them, through its own parser."""

from dataclasses import dataclass, field
from typing import Any, cast

from prometheus_client.parser import text_string_to_metric_families

from primer.serve.metrics import Metrics


@dataclass
class Live:
    num_waiting: int = 3
    num_running: int = 2


@dataclass
class Model:
    name: str = "toy"
    live: Live = field(default_factory=Live)


def read(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    """(name, label values) to value."""
    text, content_type = metrics.render()
    assert content_type.startswith("text/plain")
    families = text_string_to_metric_families(text.decode())
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_what_is_counted_is_read() -> None:
    metrics = Metrics()
    metrics.request("/v1/completions", "toy", 200)
    metrics.request("/v1/completions", "toy", 200)
    metrics.tokens(7, "prompt", "toy")
    metrics.tokens(5, model="toy")
    metrics.first_text(0.02, "toy")
    metrics.token_time(0.003, "toy")
    metrics.verdict("private_data", "redact", "output")
    found = read(metrics)
    assert found["primer_requests_total", ("toy", "/v1/completions", "200")] == 2
    assert found["primer_tokens_total", ("prompt", "toy")] == 7
    assert found["primer_tokens_total", ("completion", "toy")] == 5
    assert found["primer_first_token_seconds_sum", ("toy",)] == 0.02
    assert found["primer_first_token_seconds_bucket", ("0.01", "toy")] == 0
    assert found["primer_first_token_seconds_bucket", ("0.025", "toy")] == 1
    assert found["primer_token_seconds_count", ("toy",)] == 1
    assert found["primer_verdicts_total", ("redact", "private_data", "output")] == 1


def test_queues_are_as_they_are_now() -> None:
    metrics, models = Metrics(), [Model()]
    metrics.watch(lambda: cast(Any, models))
    assert read(metrics)["primer_rows_waiting", ("toy",)] == 3
    models.append(Model("other", Live(0, 9)))
    found = read(metrics)
    assert (found["primer_rows_running", ("toy",)], found["primer_rows_running", ("other",)]) == (2, 9)


def test_strangers_cannot_fill_the_memory_with_paths() -> None:
    metrics = Metrics()
    for number in range(50):
        metrics.request(f"/{number}", "", 404)
    assert read(metrics)["primer_requests_total", ("", "other", "404")] == 50


def test_two_servers_in_one_process() -> None:
    one, two = Metrics(), Metrics()
    one.request("/health", "", 200)
    assert ("primer_requests_total", ("", "/health", "200")) not in read(two)
