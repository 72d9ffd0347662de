"""Random schedules of sweeps, acts, clock moves and deaths: every due rung has exactly one row."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Count, Q
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from changes.models import EmergencyChange
from ecportal import clock
from ecportal.accounts.lifecycle import LIFECYCLE as PEOPLE
from ecportal.outbox.models import Message
from ecportal.outbox.publishing import undelivered
from incidents.lifecycle import INCIDENTS
from reviews.business_days import company_calendar
from reviews.ladder import due_time
from reviews.lifecycle import RUNGS
from reviews.models import Deadline, Escalation, EscalationRung, Notice, OpenReminder, Watch
from reviews.sweep import sweep
from tests.scenario import Company, Journey, a_change, found_company, person

BEGIN = datetime(2026, 3, 6, 15, 0, tzinfo=UTC)  # a Friday
SCHEDULES, STEPS = (200 if connection.vendor == "sqlite" else 40), 8
INDEX = st.integers(0, 2)
# Spread evenly: left alone, Hypothesis would let most sweeps die before they wrote anything.
DEATH = st.integers(0, 10**9).map(lambda number: Random(number).randrange(1, 100))
JUMPS = [1, 1, 14, 16, 45, 4 * 60, 12 * 60, 24 * 60, -30, -26 * 60]  # minutes


class Killed(BaseException):
    """What SIGKILL is to a process: nothing that runs afterwards may catch it."""


class Schedules(RuleBasedStateMachine):
    """Two changes and what can happen to them and to the machines that watch them."""

    company: ClassVar[Company]
    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()
        self.now = BEGIN
        self.bounced: set[int] = set()

    def teardown(self) -> None:
        try:
            self.seen["schedules"] += 1
            self.swept()  # whatever died, the next sweep makes good
        finally:
            transaction.set_rollback(True)
            self.example.__exit__(None, None, None)

    def change(self, index: int) -> EmergencyChange:
        found = EmergencyChange.objects.order_by("pk")
        return found[index % len(found)]

    # --- what happens ---------------------------------------------------------------------------
    @rule(minutes=st.sampled_from(JUMPS))
    def the_clock_moves(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self.seen["clock set back"] += minutes < 0

    @rule(index=INDEX)
    def somebody_acts(self, index: int) -> None:
        """Do the next step of a change, where the clock and the rules let somebody."""
        journey = Journey(self.company, self.change(index))
        steps: dict[str, Callable[[], Any]] = {
            "submitted": journey.claim if index else journey.approve,
            "approved": journey.start,
            "implementing": journey.finish,
            "implemented": lambda: journey.verify(self.now),
            "verified": lambda: journey.document(self.now),
            "documented": lambda: journey.review(at=self.now),
        }
        step = steps.get(journey.change.status)
        if step is None:
            return
        if self.attempt(step):
            self.seen[journey.change.status] += 1

    def attempt(self, act: Callable[[], Any]) -> bool:
        """Do it at the present time of the clock, unless the rules refuse."""
        try:
            with clock.at(self.now):
                act()
        except ValidationError:
            return False
        return True

    @rule()
    def the_claim_is_denied(self) -> None:
        change = EmergencyChange.objects.filter(approvals__status="claimed").first()
        if change is not None:
            claim = change.approvals.get(status="claimed")
            journey = Journey(self.company, change)
            self.seen["denied"] += self.attempt(lambda: journey.do("deny_approval", claim.approver))

    @rule(index=INDEX)
    def the_outage_ends_or_begins_again(self, index: int) -> None:
        incident = self.change(index).incident
        verb = "resolve" if incident.is_live else "reopen"
        by = self.company.engineer
        self.attempt(lambda: INCIDENTS.perform(incident, verb, by=by, reason="Seen."))

    @rule(offset=st.sampled_from([-5, 3, 40]), kind=st.sampled_from(["approval", "review"]))
    def the_ladder_changes(self, offset: int, kind: str) -> None:
        values = {"kind": kind, "offset": offset, "unit": "minutes", "audience": "all_leads"}
        with clock.at(self.now):
            RUNGS.perform(EscalationRung(), "define", by=self.company.lead, reason="So.", **values)

    @rule()
    def the_first_lead_leaves_or_returns(self) -> None:
        lead = type(self.company.lead).objects.get(username="lead")
        verb = "deactivate" if lead.is_active else "reactivate"
        with clock.at(self.now):
            PEOPLE.perform(lead, verb, by=self.company.roleadmin, reason="So.")

    @rule(index=INDEX)
    def a_message_is_refused(self, index: int) -> None:
        messages = Message.objects.filter(notices__isnull=False).exclude(pk__in=self.bounced)
        message = messages.distinct().order_by("-pk").first()
        if message is not None:
            self.bounced.add(message.pk)
            with clock.at(self.now):
                undelivered.send(sender=Message, message=message)
            self.seen["bounced"] += 1

    @initialize(minutes=st.sampled_from([0, 16, 40, 26 * 60]), queries=DEATH)
    def the_first_sweep_dies(self, minutes: int, queries: int) -> None:
        """Begin each schedule with rungs that are due and a sweep that does not live to the end."""
        self.now += timedelta(minutes=minutes)
        self.a_sweep_dies(queries)

    @rule(queries=DEATH)
    def a_sweep_dies(self, queries: int) -> None:
        """Kill it before its nth query: what it committed stays, the transaction in hand goes."""
        left = [queries]

        def count(execute: Any, *arguments: Any) -> Any:
            left[0] -= 1
            if left[0] == -1:  # once: what follows is the rollback that the database does itself
                raise Killed
            return execute(*arguments)

        before = Escalation.objects.count()
        try:
            with clock.at(self.now), connection.execute_wrapper(count):
                sweep()
        except Killed:
            self.seen["killed"] += 1
            self.seen["killed between rows and messages"] += Escalation.objects.count() > before

    @rule()
    def swept(self) -> None:
        """Let a sweep run to its end: everything due has its row and its message by then."""
        before = list(Message.objects.values_list("pk", flat=True))
        with clock.at(self.now):
            sweep()
        self.seen["swept"] += 1
        written = Message.objects.exclude(pk__in=before).filter(notices__isnull=False).distinct()
        addresses = list(written.values_list("address", flat=True))
        assert len(addresses) == len(set(addresses)), "one digest a person"
        calendar, rungs = company_calendar(), list(EscalationRung.objects.filter(status="in_use"))
        rows = Counter(Escalation.objects.values_list("deadline", "rung"))
        for deadline in Deadline.objects.running():
            for rung in rungs:
                due = deadline.kind == rung.kind and due_time(deadline, rung, calendar) <= self.now
                if due:
                    assert rows[deadline.pk, rung.pk] == 1
                    self.seen["due rungs"] += 1
        assert not OpenReminder.objects.due(self.now).exists()

    # --- what always holds ----------------------------------------------------------------------
    @invariant()
    def each_rung_has_one_row_and_each_row_its_reason(self) -> None:
        rows = Escalation.objects.values("deadline", "rung").annotate(rows=Count("pk"))
        assert not rows.filter(rows__gt=1).exists()
        silent = Escalation.objects.filter(notices=None, open_reminders=None)
        assert not silent.exists()
        unexplained = Notice.objects.filter(Q(message=None, remark="") & ~Q(person=None))
        assert not unexplained.exists()

    @invariant()
    def what_runs_is_watched_and_what_ended_is_silent(self) -> None:
        running = set(Deadline.objects.running().values_list("pk", flat=True))
        assert set(Watch.objects.values_list("pk", flat=True)) == running
        ended = OpenReminder.objects.exclude(escalation__deadline__in=running)
        assert not ended.exists()
        waiting = Message.objects.filter(sent_at=None, recalled_at=None, notices__isnull=False)
        idle = waiting.exclude(notices__escalation__deadline__in=running)
        assert not idle.exists()


def test_every_due_rung_has_one_row_and_its_message_whatever_happens(db: None) -> None:
    with clock.at(BEGIN - timedelta(days=1)):
        Schedules.company = found_company()
        person("lead3", "Engineering Lead", email="")
    with clock.at(BEGIN):
        for status in ("submitted", "implemented"):
            a_change(Schedules.company, status)
    Schedules.seen.clear()
    run_state_machine_as_test(
        seed(4)(Schedules),
        settings=settings(
            max_examples=SCHEDULES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    # The machine is no proof of anything if nothing ever happens.
    assert Schedules.seen["schedules"] >= SCHEDULES
    assert Schedules.seen["due rungs"] >= 2 * SCHEDULES
    assert Schedules.seen["killed between rows and messages"] >= SCHEDULES // 10
    for event in ("clock set back", "bounced", "denied", "killed"):
        assert Schedules.seen[event] >= 2, event
