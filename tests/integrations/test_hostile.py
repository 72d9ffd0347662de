"""Deliveries that nobody thought of: an answer below 500, and no failure in the task."""

import copy
import json
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from ecportal.integrations.models import Delivery
from ecportal.integrations.readers import READERS
from ecportal.integrations.reading import Unreadable
from ecportal.integrations.working import work_off
from tests.integrations.samples import ALL
from tests.integrations.sending import SYSTEMS, deliver
from tests.integrations.vendors import samples_by_folder, vendor
from tests.scenario import Company

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["\0", "\ud800", "x" * 5000, "0001-01-01T00:00:00Z", "9" * 400, "", "\u202e",
                       "9999-12-31T23:59:59-14:00", "http://[", 10**39, -1, 1e300]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value inside, at any depth."""
    if not isinstance(value, dict | list):
        return [here]
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    return [here, *(path for key, below in inner for path in paths(below, (*here, key)))]


@st.composite
def mutants(draw: st.DrawFn) -> tuple[str, Any, dict[str, str]]:
    system, payload, headers = draw(st.sampled_from(ALL))
    for _ in range(draw(st.integers(1, 4))):
        payload = copy.deepcopy(payload)
        path = draw(st.sampled_from(paths(payload)))
        if not path:
            return system, draw(ANYTHING), headers
        holder: Any = payload
        for key in path[:-1]:
            holder = holder[key]
        if draw(st.booleans()):
            holder[path[-1]] = draw(ANYTHING)
        else:
            del holder[path[-1]]
        if not payload:
            break
    return system, payload, headers


quick = limits(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def check(system: str, payload: Any, **headers: str) -> None:
    with transaction.atomic():
        status = deliver(system, payload, **headers).status_code
        assert status in (200, 202, 400)
        work_off()
        assert not Delivery.objects.filter(outcome__in=("waiting", "failed")).exists()
        transaction.set_rollback(True)


@quick
@given(sent=mutants())
def test_any_mutation_is_answered_and_worked_on(portal: Company, sent: Any) -> None:
    system, payload, headers = sent
    check(system, payload, **headers)


def refusal(system: str, payload: Any, headers: dict[str, str]) -> str:
    """Return the sentence with which the reader refuses it, or nothing."""
    try:
        READERS[system].facts(payload, headers)
    except Unreadable as error:
        return str(error)
    return ""


@pytest.mark.once
@given(sent=mutants())
@limits(quick, max_examples=400)
def test_any_mutation_is_read_or_refused_in_one_sentence(sent: Any) -> None:
    system, payload, headers = sent
    payload = json.loads(json.dumps(payload))
    if isinstance(payload, dict):
        READERS[system].envelope(payload, headers)
        assert len(refusal(system, payload, headers)) < 200


@pytest.mark.once
@quick
@given(raw=st.binary(max_size=200), system=st.sampled_from(SYSTEMS))
def test_any_bytes_are_answered(portal: Company, raw: bytes, system: str) -> None:
    check(system, raw)


@pytest.mark.once
@pytest.mark.parametrize("paths", samples_by_folder())
def test_any_sample_sent_to_any_system_is_answered_and_worked_on(
    portal: Company, paths: list[str]
) -> None:
    for path in paths:
        payload = vendor(path)
        for system in SYSTEMS:
            check(system, payload.get("body", payload) if isinstance(payload, dict) else payload)
