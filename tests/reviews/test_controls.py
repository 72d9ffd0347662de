"""The controls as data: each rule exists in code and is in force, and none is forgotten."""

import importlib
from datetime import UTC, datetime
from functools import reduce

import pytest

from changes import guards
from changes.lifecycle import CHANGES, POLICIES
from changes.models import Policy
from ecportal import clock
from reviews import lifecycle as rules
from reviews.controls import CONTROLS, Control, in_words, named, present, since
from reviews.models import ControlException, Deadline
from reviews.schedule import STEPS
from tests.changes.around_the_door import constraints_of
from tests.scenario import Company

pytestmark = pytest.mark.once

BESIDE = {
    # They say whether there is anything to do at all, and hide the button.
    guards.claim_waiting, guards.was_sent_back, guards.deviation_open, guards.is_confidential,
    # Of follow-up actions, which the policy says nothing about beyond owner and date.
    rules.due_in_the_future, rules.owner_or_assigner,
}  # fmt: skip


def ids(control: Control) -> str:
    return control.sentence[:40]


@pytest.mark.parametrize("control", CONTROLS, ids=ids)
def test_rules_of_a_control_are_in_the_code_under_the_name_shown(control: Control) -> None:
    assert control.rules
    for rule in control.rules:
        path = named(rule).split(".")
        size = next(n for n in range(len(path), 0, -1) if _is_module(".".join(path[:n])))
        found = reduce(getattr, path[size:], importlib.import_module(".".join(path[:size])))
        assert found is rule
        assert len(in_words(rule)) > 10


def _is_module(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True


@pytest.mark.django_db
@pytest.mark.parametrize("control", CONTROLS, ids=ids)
def test_constraints_deadline_and_parameter_exist(control: Control) -> None:
    known = constraints_of("changes") | constraints_of("reviews") | constraints_of("incidents")
    assert set(control.constraints) <= known
    assert control.deadline in {"", *Deadline.Kind.values}
    assert set(control.kinds) <= set(ControlException.Kind.values)


@pytest.mark.django_db
@pytest.mark.parametrize("control", CONTROLS, ids=ids)
def test_parameter_is_told_as_the_policy_has_it(control: Control) -> None:
    policy = Policy()
    if not control.parameter or control.setting:
        assert bool(present(control, policy)) == (control.setting is not None)
    elif isinstance(getattr(policy, control.parameter), bool):
        setattr(policy, control.parameter, True)
        assert present(control, policy) == "Demanded"
        setattr(policy, control.parameter, False)
        assert present(control, policy) == "Not demanded"
    else:
        setattr(policy, control.parameter, 77)
        assert present(control, policy) in ("77 minutes", "77 hours", "77 days", "77 %")


def test_every_guard_of_changes_and_reviews_belongs_to_a_control() -> None:
    asked = {
        guard
        for lifecycle in (CHANGES, rules.REVIEWS)
        for row in lifecycle.rows
        for guard in (*lifecycle.always, *row.guards, *row.when)
    }
    assert asked - {rule for control in CONTROLS for rule in control.rules} <= BESIDE


def test_every_number_of_the_policy_and_every_exception_belongs_to_a_control() -> None:
    numbers = {
        field.name for field in Policy._meta.concrete_fields if field.name not in ("id", "status")
    }
    numbers -= {"quiet_from", "quiet_until", "reminder_days"}  # only when a reminder may wait
    numbers -= {"window_from", "window_until"}  # shown as one
    assert {control.parameter for control in CONTROLS} - {""} == numbers
    one_by_one = [control for control in CONTROLS if len(control.kinds) < 5]
    found = {kind for control in one_by_one for kind in control.kinds}
    assert set(ControlException.Kind.values) == found


def test_every_deadline_that_can_be_an_exception_belongs_to_a_control() -> None:
    assert STEPS
    timed = {control.deadline for control in CONTROLS} - {""}
    assert timed == {"approval", "confirmation", "retroactive", "documentation", "review"}


def test_parameter_is_in_force_since_the_version_that_brought_it(company: Company) -> None:
    policy = Policy.objects.get(pk=1)
    for month, hours in ((1, 20), (2, 30), (3, 30), (4, 30)):
        with clock.at(datetime(2099, month, 1, tzinfo=UTC)):
            values = {"documentation_hours": hours, "observation_minutes": month}
            POLICIES.perform(policy, "revise", by=company.lead, reason=f"Month {month}.", **values)
    versions = list(Policy.history.order_by("-history_date", "-history_id"))
    assert since("documentation_hours", versions).history_change_reason == "Month 2."
    assert since("observation_minutes", versions).history_change_reason == "Month 4."
    assert since("approval_minutes", versions).history_verb == "adopt"
    assert since("approval_minutes", []) is None
