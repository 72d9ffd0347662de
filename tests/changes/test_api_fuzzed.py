"""Schemathesis asks the API whatever its document allows and forbids: it never breaks its word."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core import signals
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from ecportal.wsgi import application
from tests.changes.pipelines import Pipeline
from tests.scenario import Company, a_change

pytestmark = [pytest.mark.once, pytest.mark.slow]

# The document cannot say all that is checked: that a key stands in body or header, what an address
# of the web is, that a time has not come yet. These are refused by a 422 that it does describe.
LEFT_OUT = [positive_data_acceptance]
OPERATIONS = [
    "POST /api/v1/deployments",
    "GET /api/v1/changes/{number}",
    "GET /api/v1/changes/{number}/gate",
]


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """Let no request close the connection on which the test's own transaction lives."""
    ends = (signals.request_started, signals.request_finished)
    for end in ends:
        end.disconnect(close_old_connections)
    yield
    for end in ends:
        end.connect(close_old_connections)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("mode", GenerationMode)
def test_api_answers_as_its_document_says(
    company: Company, operation: str, mode: GenerationMode
) -> None:
    pipeline = Pipeline()
    numbers = [a_change(company, status).number for status in ("submitted", "approved")]
    document = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)
    method, path = operation.split()

    @given(case=document[path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    def ask(case: Any) -> None:
        asked = (case.path_parameters or {}).get("number")
        # Without help, none but unknown changes would be asked for.
        if mode.is_positive and asked and len(asked) % 3 < len(numbers):
            case.path_parameters["number"] = numbers[len(asked) % 3]
        case.call_and_validate(headers=pipeline.headers(), excluded_checks=LEFT_OUT)

    ask()


def test_every_operation_is_asked(db: None) -> None:
    document = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)
    found = [result.ok() for result in document.get_all_operations()]
    assert sorted(f"{one.method.upper()} {one.path}" for one in found) == sorted(OPERATIONS)
