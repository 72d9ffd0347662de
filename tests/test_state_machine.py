"""Random people do random acts at random times; what the process promises holds after each."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, ClassVar

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from changes.lifecycle import CHANGES, DELEGATIONS
from changes.models import Delegation, EmergencyChange
from ecportal import clock
from ecportal.accounts import roles
from ecportal.accounts.models import User
from incidents.models import Incident
from reviews.lifecycle import REVIEWS
from reviews.models import FollowUpAction, RetrospectiveReview
from reviews.sweep import sweep
from tests.scenario import Company, Status, an_incident, determined, found_company, person

pytestmark = [pytest.mark.once, pytest.mark.slow]

BEGIN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
AFTER_APPROVAL = {"approved", "implementing", "implemented", "verified", "documented", "closed"}
VERBS = sorted(row.verb for row in CHANGES.rows if row.sources)
PEOPLE = ["engineer", "engineer2", "lead", "lead2", "lead3", "both", "auditor", "superuser"]


def mostly(*usual: Any, rarely: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    return st.sampled_from([*usual * (9 // len(usual)), *rarely])


OTHER_WAYS = {
    "submitted": ["claim_approval", "reject", "start_unapproved", "claim_approval"],
    "approved": ["amend", "cancel"],
    "rejected": ["rework", "start_unapproved"],
    "implemented": ["report_instability"],
}
INDEX = st.integers(0, 2)
CHOICE = st.integers(0, 10**9).map(lambda number: Random(number).randrange(10**9))
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
DATA = st.fixed_dictionaries(
    {
        "reason": st.one_of(st.just("So."), WORDS, mostly("So.", rarely=("", "x" * 10_001))),
        "ago": mostly(0, 1, 40, rarely=(-5,)),
        "seen": mostly(True, rarely=(False,)),
        "rejection": mostly("sent_back", "refused", rarely=("", "maybe")),
        "approver": mostly("lead", "lead2", rarely=("engineer", "both", "auditor")),
        "person": st.sampled_from(PEOPLE),
        "asked_approver": mostly(None, rarely=("lead2", "auditor")),
        "channel": mostly("phone", "chat", rarely=("smoke",)),
        "call_log": mostly("", rarely=("https://calls.example.test/1", "nowhere")),
        "outcome": mostly("successful", "failed", rarely=("great",)),
        "no_deviations": st.booleans(),
        "skipped": mostly("", "Load test", rarely=()),
        "why": mostly("No time.", rarely=("",)),
        "days": mostly(None, 3, rarely=(-1,)),
        "watched": st.just("Error rate"),
        "kind": mostly("execution", rarely=("hearsay",)),
        "description": st.just("The log"),
        "link": mostly("https://ci.example.test/88213", rarely=("not a link",)),
        "rollback_plan": mostly("Deploy it again.", rarely=("",)),
        "systems": mostly(True, rarely=(False,)),
    }
)


class Emergencies(RuleBasedStateMachine):
    """A few changes, a movable clock, and people who know the rules only sometimes."""

    company: ClassVar[Company]
    reached: ClassVar[Counter[str]] = Counter()
    done: ClassVar[Counter[str]] = Counter()
    refused: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGIN
        self.acts: dict[int, int] = {}
        self.example = transaction.atomic()
        self.example.__enter__()
        self.people = {user.username: user for user in User.objects.filter(is_system=False)}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)

    def change(self, index: int) -> EmergencyChange:
        keys = sorted(self.acts)
        return EmergencyChange.objects.get(pk=keys[index % len(keys)])

    def attempt(self, lifecycle: Any, record: Any, verb: str, by: User, **data: Any) -> bool:
        """Perform; a refusal must be a sentence and leave every table as it was."""
        before = written()
        try:
            with clock.at(self.now):
                lifecycle.perform(record, verb, by=by, **data)
        except ValidationError as refusal:
            said = refusal.messages
        else:
            self.done[verb] += 1
            return True
        assert all(" " in sentence and sentence[-1] in ".”" for sentence in said), said
        assert written() == before
        self.refused[verb] += 1
        return False

    def act(self, change: EmergencyChange, verb: str, by: User, **data: Any) -> bool:
        done = self.attempt(CHANGES, change, verb, by, **data)
        if done:
            self.acts[change.pk] = self.acts.get(change.pk, 0) + 1
            self.reached[change.status] += 1
        return done

    @initialize(by=st.sampled_from(["engineer", "both"]))
    def first(self, by: str) -> None:
        self.open(by, confidential=False)

    @precondition(lambda self: len(self.acts) < 3)
    @rule(by=st.sampled_from(PEOPLE), confidential=st.booleans())
    def open(self, by: str, confidential: bool) -> None:
        with clock.at(self.now):
            incident = determined(self.company, an_incident(self.company))
        change = EmergencyChange(
            incident=incident,
            determination=incident.determinations.last(),
            title="Roll back",
            scope="All nodes.",
            rollback_plan="Deploy again.",
            confidential=confidential,
        )
        systems = [self.company.system]
        self.act(change, "open", self.people[by], reason="It is down.", systems=systems)

    @rule(index=INDEX, choice=CHOICE, by=st.sampled_from(PEOPLE), data=DATA)
    def anything(self, index: int, choice: int, by: str, data: dict[str, Any]) -> None:
        change, verb = self.change(index), VERBS[choice % len(VERBS)]
        self.act(change, verb, self.people[by], **self.typed(change, data))

    @rule(index=INDEX, choice=CHOICE, by=st.sampled_from(PEOPLE), data=DATA)
    def something_possible(self, index: int, choice: int, by: str, data: dict[str, Any]) -> None:
        """Press one of the buttons that this person is offered; what they type is still random."""
        change, actor = self.change(index), self.people[by]
        with clock.at(self.now):
            options = list(CHANGES.options(change, actor))
        verbs = [option.transition.verb for option in options if option.refusal is None]
        if verbs:
            self.act(change, verbs[choice % len(verbs)], actor, **self.typed(change, data))

    @rule(index=INDEX, choice=CHOICE)
    def take_another_way(self, index: int, choice: int) -> None:
        """Leave the ordinary way, by somebody who may."""
        if self.change(index).status == Status.DRAFT:
            self.take_next_step(self.change(index))
        change = self.change(index)
        claimed = change.approvals.filter(status="claimed").exists()
        verbs = ["confirm_approval", "deny_approval"] if claimed else OTHER_WAYS.get(change.status)
        if not verbs:
            return
        duties = {change.requester_id, change.implementer_id}
        lead = next(p for p in (self.people["lead"], self.people["lead2"]) if p.pk not in duties)
        by = {"reject": lead, "confirm_approval": change.approver, "deny_approval": change.approver}
        data = {"approver": lead, "channel": "phone", "rejection": "sent_back", "watched": "CPU"}
        data["fingerprint"] = change.fingerprint()
        verb = verbs[choice % len(verbs)]
        self.act(change, verb, by.get(verb) or change.requester, reason="No time.", **data)

    @rule(index=INDEX, by=st.sampled_from(["lead", "both"]), yes=st.booleans())
    def somebody_decides(self, index: int, by: str, yes: bool) -> None:
        """Decide whatever there is to decide, as somebody who may have done the work."""
        change = self.change(index)
        verb = "approve" if yes else "reject"
        if change.has_started:
            verb += "_retroactively"
        data = {"fingerprint": change.fingerprint(), "rejection": "sent_back"}
        self.act(change, verb, self.people[by], reason="Seen.", **data)

    def typed(self, change: EmergencyChange, data: dict[str, Any]) -> dict[str, Any]:
        """Turn drawn values into the data of an act."""
        data = dict(data)
        days, asked = data.pop("days"), data["asked_approver"]
        return {
            **data,
            "happened_at": self.now - timedelta(minutes=data.pop("ago")),
            "fingerprint": change.fingerprint() if data.pop("seen") else "0" * 64,
            "approver": self.people[data["approver"]],
            "person": self.people[data["person"]],
            "asked_approver": self.people[asked] if asked else None,
            "catch_up_on": days and timezone.localdate(self.now) + timedelta(days=days),
            "deviation": change.deviations.first(),
            "supersedes": change.evidence.last(),
            "systems": [self.company.system] if data["systems"] else [],
        }

    @rule(index=INDEX, steps=st.integers(1, 4))
    def go_on(self, index: int, steps: int) -> None:
        for _ in range(steps):
            self.take_next_step(self.change(index))

    def take_next_step(self, change: EmergencyChange) -> None:
        """Do what the process wants next, by somebody who may."""
        duties = {change.requester_id, change.implementer_id}
        lead = next(p for p in (self.people["lead"], self.people["lead2"]) if p.pk not in duties)
        data = {"reason": "Next.", "link": "https://ci.example.test/1", "watched": "Errors"}
        if change.status == Status.DOCUMENTED:
            self.hold_review(change, lead, True)
        elif change.status == Status.SUBMITTED:
            self.act(change, "approve", lead, fingerprint=change.fingerprint(), **data)
        elif change.status == Status.IMPLEMENTING:
            stated = {"no_deviations": not change.deviations.exists()}
            self.act(change, "finish", change.requester, outcome="successful", **stated, **data)
        else:
            if change.status == Status.IMPLEMENTED:
                self.now = max(self.now, change.finished_at + timedelta(minutes=30))
            if change.status == Status.VERIFIED:
                proof = {"kind": "execution", "description": "The log"}
                self.act(change, "attach_evidence", change.requester, **proof, **data)
            verb = {
                "draft": "submit",
                "approved": "start",
                "implemented": "verify",
                "verified": "document",
                "rejected": "rework",
            }.get(change.status)
            if verb:
                self.act(change, verb, change.requester, **data)

    @precondition(lambda self: RetrospectiveReview.objects.exists())
    @rule(index=INDEX, by=st.sampled_from(PEOPLE), genuine=st.sampled_from([True, False, None]))
    def review(self, index: int, by: str, genuine: bool | None) -> None:
        self.hold_review(self.change(index), self.people[by], genuine)

    def hold_review(self, change: EmergencyChange, by: User, genuine: bool | None) -> None:
        review = RetrospectiveReview.objects.filter(change=change).first()
        if review is None:
            return
        follow_up = {"title": "Alarm", "owner": by, "due_on": timezone.localdate(self.now)}
        data = {"genuine": genuine, "procedure_followed": True, "follow_ups": [follow_up]}
        if self.attempt(REVIEWS, review, "complete", by, reason="It was right.", **data):
            self.acts[change.pk] += 1
            self.reached[Status.CLOSED] += 1

    @precondition(lambda self: Delegation.objects.count() < 2)
    @rule(by=st.sampled_from(PEOPLE), to=st.sampled_from(PEOPLE), hours=st.integers(-1, 48))
    def delegate(self, by: str, to: str, hours: int) -> None:
        dates = {"begins_at": self.now, "ends_at": self.now + timedelta(hours=hours)}
        delegation = Delegation(delegate=self.people[to], **dates)
        self.attempt(DELEGATIONS, delegation, "delegate", self.people[by], reason="On leave.")

    @rule(minutes=st.sampled_from([1, 20, 60, 26 * 60, 4 * 24 * 60]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def deadlines_are_swept(self) -> None:
        with clock.at(self.now):
            sweep()

    @invariant()
    def every_promise_holds(self) -> None:
        for change in EmergencyChange.objects.filter(pk__in=self.acts):
            check_change(change, self.acts[change.pk])
        for model, prefix in ((EmergencyChange, "EC"), (Incident, "INC"), (FollowUpAction, "FA")):
            numbers = sorted(model.objects.values_list("number", flat=True))
            assert numbers == [f"{prefix}-2026-{n:04d}" for n in range(1, len(numbers) + 1)]


def written() -> int:
    """Return how many rows there are: each act adds some, if only to a history."""
    labels = {"changes", "incidents", "reviews", "accounts", "ecportal", "guardian", "outbox"}
    tables = [m._meta.db_table for m in apps.get_models() if m._meta.app_label in labels]
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + " + ".join(f"(SELECT COUNT(*) FROM {t})" for t in tables))
        return int(cursor.fetchone()[0])


def check_change(change: EmergencyChange, acts: int) -> None:
    approvals = list(change.approvals.select_related("delegation"))
    standing = [a for a in approvals if a.status in ("approved", "claimed", "confirmed")]
    exceptions = [exception.kind for exception in change.exceptions.all()]
    assert len(exceptions) == len(set(exceptions))
    assert [a.approver_id for a in standing] == [change.approver_id] * (
        change.approver_id is not None
    )
    if change.status in AFTER_APPROVAL:
        assert standing or change.without_approval
    if change.without_approval:
        assert change.has_started
        assert "unapproved" in exceptions
    # Duties are separate, whoever stands in for whom.
    for approval in approvals:
        deciders = {approval.approver_id}
        if approval.delegation:
            deciders.add(approval.delegation.delegator_id)
        assert change.requester_id not in deciders
        if approval.kind == "retroactive":
            assert change.implementer_id not in deciders
    assert change.reviewer_id is None or change.reviewer_id not in (
        change.requester_id,
        change.implementer_id,
    )
    if change.has_started and change.approver_id == change.implementer_id:
        assert "duties" in exceptions
    if change.status == Status.CLOSED:
        assert change.review.status == "completed"
        assert change.evidence.exists()
    assert change.history.count() == acts


@pytest.mark.parametrize("number", [1, 2])
def test_promises_hold_whatever_people_do(db: None, number: int) -> None:
    with clock.at(BEGIN - timedelta(days=1)):
        Emergencies.company = found_company()
        person("lead3", roles.LEAD)
        person("both", roles.ENGINEER, roles.LEAD)
        person("superuser", is_superuser=True)
    for counter in (Emergencies.reached, Emergencies.done, Emergencies.refused):
        counter.clear()
    run_state_machine_as_test(
        seed(number)(Emergencies),
        settings=settings(
            max_examples=14,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    # The machine is no proof of anything if nobody ever gets far.
    assert Emergencies.reached[Status.CLOSED] >= 2
    assert len(Emergencies.reached) >= 7
    assert len(Emergencies.done) >= 12
    assert sum(Emergencies.refused.values()) >= 25
