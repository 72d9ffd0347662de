"""Finds the deadlines that are due for a look, and writes down which rungs they have reached."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from changes.models import Policy
from ecportal.accounts.models import User
from ecportal.calendar import BusinessCalendar
from ecportal.lifecycle import Act
from reviews.audience import Audiences, Recipient
from reviews.business_days import company_calendar
from reviews.ladder import due_time
from reviews.models import Deadline, Escalation, EscalationRung, Notice, OpenReminder, Watch
from reviews.quiet_hours import next_waking, zone_of
from reviews.register import LATE, note_late

CHUNK = 200
"""Deadlines of one transaction: what a sweep holds in memory, and locks away from others."""

JUST_AFTER = timedelta(microseconds=1)
"""Met exactly when it is due is in time."""

PULLED = "; pulled forward, as nobody else could be told"
NO_ADDRESS = "No e-mail address"


@dataclass
class Look:
    """One deadline as seen now: its rungs that are due, and those that come later, in order."""

    watch: Watch
    due: list[EscalationRung]
    later: list[tuple[datetime, EscalationRung]]

    @property
    def deadline(self) -> Deadline:
        return self.watch.deadline

    def next_look(self, now: datetime) -> datetime | None:
        """Return when something can happen to it by itself; None: not before the ladder changes."""
        times = [moment for moment, _rung in self.later]
        if not self.watch.late_noted:
            times.append(self.deadline.due_at + JUST_AFTER)
        return min(times, default=None)


@dataclass
class Reached:
    """What one transaction wrote."""

    looked: int
    rungs: list[tuple[Deadline, Escalation, list[str]]] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)


def look(now: datetime) -> list[Look]:
    """Lock and return the next deadlines due for a look, with their rungs; five queries.

    The ladders are read after the locks: a rung that is added meanwhile makes the next sweep look
    again.
    """
    watches = Watch.objects.take(now, CHUNK)
    if not watches:
        return []
    ladders: dict[str, list[EscalationRung]] = defaultdict(list)
    for rung in EscalationRung.objects.filter(status=EscalationRung.Status.IN_USE):
        ladders[rung.kind].append(rung)
    calendar = company_calendar()
    reached: dict[int, set[int]] = defaultdict(set)
    rows = Escalation.objects.filter(deadline__in=[watch.pk for watch in watches]).order_by()
    for deadline_id, rung_id in rows.values_list("deadline_id", "rung_id"):
        reached[deadline_id].add(rung_id)
    return [
        _judge(watch, ladders[watch.deadline.kind], reached[watch.pk], calendar, now)
        for watch in watches
    ]


def _judge(
    watch: Watch,
    ladder: list[EscalationRung],
    reached: set[int],
    calendar: BusinessCalendar,
    now: datetime,
) -> Look:
    times = [
        (due_time(watch.deadline, rung, calendar), rung.pk, rung)
        for rung in ladder
        if rung.pk not in reached
    ]
    times.sort(key=lambda one: one[:2])
    due = [rung for moment, _key, rung in times if moment <= now]
    return Look(watch, due, [(moment, rung) for moment, _key, rung in times if moment > now])


@transaction.atomic
def reach(now: datetime) -> Reached | None:
    """Write what some of the due deadlines have reached; None when none is due any more.

    One transaction, and one row a rung and deadline whoever else sweeps: what is written comes
    with the reminders that are to be told and with the time of the next look, or not at all.
    """
    looks = look(now)
    if not looks:
        return None
    act = Act("escalate", User.objects.system(), "Due by the ladder.", now, now)
    result = Reached(len(looks))
    _note_late(looks, now, result)
    busy = [one for one in looks if one.due or one.watch.pulled]
    if busy:
        _Chunk(busy, act, result).write()
    for one in looks:
        one.watch.look_at = one.next_look(now)
        one.watch.ladder = one.watch.version  # type: ignore[attr-defined]
        one.watch.pulled = False
    fields = ["look_at", "ladder", "late_noted", "pulled"]
    Watch.objects.bulk_update([one.watch for one in looks], fields)
    return result


def _note_late(looks: list[Look], now: datetime, result: Reached) -> None:
    for one in looks:
        if one.deadline.kind not in LATE:
            one.watch.late_noted = True
        elif not one.watch.late_noted and one.deadline.due_at < now:
            exception = note_late(one.deadline, now)
            one.watch.late_noted = True
            if exception is not None:
                result.exceptions.append(str(exception))


class _Chunk:
    """Writes the rungs of some deadlines: who is told, and until when each is left in peace."""

    def __init__(self, looks: list[Look], act: Act, result: Reached) -> None:
        self.looks, self.act, self.result = looks, act, result
        self.audiences = Audiences([one.deadline for one in looks])
        self.policy = Policy.in_force()
        self.reminders: list[OpenReminder] = []

    def write(self) -> None:
        tried = self._tried()
        for one in self.looks:
            told = [self._reach(one, rung) for rung in one.due]
            addresses = {address for row in told for address in row}
            if not addresses - tried[one.watch.pk] - {""}:
                self._pull(one, tried[one.watch.pk] | addresses)
        OpenReminder.objects.bulk_create(self.reminders)

    def _tried(self) -> dict[int, set[str]]:
        """Return, for each deadline to be pulled forward, the addresses that its rungs tried."""
        tried: dict[int, set[str]] = defaultdict(set)
        pulled = [one.watch.pk for one in self.looks if one.watch.pulled]
        if pulled:
            for model in (Notice, OpenReminder):
                rows = model._default_manager.filter(escalation__deadline__in=pulled).order_by()
                for pk, address in rows.values_list("escalation__deadline", "address"):
                    tried[pk].add(address)
        return tried

    def _reach(self, one: Look, rung: EscalationRung, suffix: str = "") -> list[str]:
        """Write that the rung was reached, and return the addresses that it tells."""
        recipients = self.audiences.of(one.deadline, rung)
        escalation = Escalation(
            deadline=one.deadline,
            rung=rung,
            rung_in_words=str(rung)[: 300 - len(suffix)] + suffix,
            reached_at=self.act.recorded_at,
        )
        self.act.save(escalation)
        # Nobody to tell is a fact as well: the ledger keeps it.
        for person, address in recipients or [(None, "")]:
            if address:
                held = self._held_until(one.deadline, rung, person)
                self.reminders.append(
                    OpenReminder(
                        escalation=escalation, person=person, address=address, held_until=held
                    )
                )
            else:
                remark = NO_ADDRESS if person else ""
                self.act.save(Notice(escalation=escalation, person=person, remark=remark))
        addresses = [address for _person, address in recipients]
        self.result.rungs.append((one.deadline, escalation, addresses))
        return addresses

    def _held_until(
        self, deadline: Deadline, rung: EscalationRung, person: User | None
    ) -> datetime | None:
        """Return the end of the recipient's quiet hours, or None when it is told at once."""
        if not rung.respects_quiet_hours or deadline.change.incident.is_live:
            return None
        now = self.act.recorded_at
        moment = next_waking(now, zone_of(person), self.policy)
        return moment if moment > now else None

    def _pull(self, one: Look, tried: set[str]) -> None:
        """Reach the next rung that tells somebody else now; without one, all keep their time."""
        for place, (_moment, rung) in enumerate(one.later):
            recipients: list[Recipient] = self.audiences.of(one.deadline, rung)
            if any(address and address not in tried for _person, address in recipients):
                self._reach(one, rung, PULLED)
                del one.later[place]
                return
