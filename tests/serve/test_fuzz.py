"""The OpenAPI schema, fuzzed: whatever is sent, an answer comes that the schema describes."""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)
from served import app

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
    negative_data_rejection,
]  # fmt: skip
PATHS = [
    ("POST", "/v1/chat/completions"), ("POST", "/v1/completions"), ("GET", "/v1/models"), ("GET", "/v1/models/{name}"),
    ("GET", "/health"), ("GET", "/metrics"), ("GET", "/primer/safety"),
]  # fmt: skip


@pytest.fixture(scope="module")
def schema(untaught: Path) -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", app([untaught])[0])


def test_all_routes_are_fuzzed(schema: Any) -> None:
    found = [result.ok() for result in schema.get_all_operations()]
    assert {(each.method.upper(), each.path) for each in found} == set(PATHS)


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_route(schema: Any, method: str, path: str, mode: GenerationMode) -> None:
    operation = schema[path][method]

    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(operation.as_strategy(generation_mode=mode))
    def fuzz(case: Any) -> None:
        if mode == GenerationMode.POSITIVE and isinstance(case.body, dict):
            case.body["model"] = "primer"  # else every one is refused for its model
            case.body["max_tokens"] = 4
        case.call_and_validate(checks=CHECKS)

    if mode == GenerationMode.POSITIVE or method == "POST":
        fuzz()
