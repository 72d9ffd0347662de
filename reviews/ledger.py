"""The ledger of a change: who was told of what, when, by which channel, with what result."""

from dataclasses import dataclass
from datetime import datetime

from changes.models import EmergencyChange
from ecportal.clock import due_day
from reviews.models import Deadline, Notice, OpenReminder


@dataclass(frozen=True)
class Row:
    """One person told, or about to be; `when` is when the reason to tell them arose."""

    when: datetime
    to: str
    about: str
    result: str
    answer: str = ""
    channel: str = Notice.CHANNEL


def notices_of(change: EmergencyChange) -> list[Notice]:
    """Return the reminders about the change, the first first; asked once for each change."""
    known: list[Notice] | None = getattr(change, "_notices", None)
    if known is None:
        found = Notice.objects.filter(escalation__deadline__change=change).order_by("pk")
        known = list(found.select_related("escalation__deadline", "person", "message"))
        change._notices = known  # type: ignore[attr-defined]
    return known


def ledger_of(change: EmergencyChange, deadlines: list[Deadline]) -> list[Row]:
    """Return what was told about the change, or is about to be, the first first.

    The deadlines say with `is_telling` whether anything is about to be told of them.
    """
    rows = [
        Row(notice.escalation.reached_at, notice.recipient, notice.escalation.rung_in_words,
            notice.result, notice.answer)
        for notice in notices_of(change)
    ]  # fmt: skip
    telling = [deadline.pk for deadline in deadlines if deadline.is_telling]  # type: ignore[attr-defined]
    if telling:
        opened = OpenReminder.objects.filter(escalation__deadline__in=telling)
        rows += [
            Row(one.escalation.reached_at, one.recipient, one.escalation.rung_in_words, _waits(one))
            for one in opened.select_related("escalation", "person")
        ]
    rows += [
        Row(receipt.recorded_at, receipt.recipient, f"Receipt: {receipt.act}", receipt.result,
            receipt.answer)
        for receipt in change.receipts.select_related("person", "message")
    ]  # fmt: skip
    return sorted(rows, key=lambda row: row.when)


def _waits(reminder: OpenReminder) -> str:
    if reminder.held_until is None:
        return "Waiting to be written"
    day, at = due_day(reminder.held_until)
    return f"Held until {day:%a} {day.day} {day:%b} {at}, the end of their quiet hours"


def asked(change: EmergencyChange, deadline: Deadline) -> list[tuple[str, datetime]]:
    """Return who was asked so far and since when, the first first; nobody twice."""
    first: dict[str, datetime] = {}
    for notice in notices_of(change):
        arrives = notice.message is not None and notice.undelivered_at is None
        if arrives and notice.escalation.deadline_id == deadline.pk:
            first.setdefault(notice.recipient, notice.escalation.reached_at)
    return list(first.items())


def reminded(change: EmergencyChange, deadline: Deadline) -> list[datetime]:
    """Return when whoever owes it was reminded, each rung once; asking others does not count."""
    owner = str(deadline.owner or "")
    times = [
        notice.escalation.reached_at
        for notice in notices_of(change)
        if notice.escalation.deadline_id == deadline.pk
        and notice.message is not None
        and notice.undelivered_at is None
        and (not owner or notice.recipient == owner)
    ]
    return sorted(set(times))


def rungs_reached(change: EmergencyChange, deadline: Deadline) -> set[int]:
    """Return the keys of the rungs of which anybody was told, or would have been."""
    return {
        notice.escalation.rung_id
        for notice in notices_of(change)
        if notice.escalation.deadline_id == deadline.pk
    }


@dataclass(frozen=True)
class Round:
    """A deadline as it is shown: one that was started again says so, as does the one before."""

    deadline: Deadline
    name: str
    remark: str = ""
    is_over: bool = False


def rounds(change: EmergencyChange, deadlines: list[Deadline]) -> list[Round]:
    """Return the deadlines to show, those that were started again after all that stand."""
    latest = {_subject(deadline): deadline for deadline in _by_start(deadlines)}
    repeated = {_subject(one) for one in deadlines if latest[_subject(one)] is not one}
    standing, over = [], []
    for deadline in deadlines:
        name = deadline.get_kind_display()
        if latest[_subject(deadline)] is not deadline:
            over.append(Round(deadline, f"{name}, before", "Started again since", is_over=True))
        elif _subject(deadline) in repeated:
            standing.append(Round(deadline, name, _why_again(change, deadline)))
        else:
            standing.append(Round(deadline, name))
    return [*standing, *over]


def _by_start(deadlines: list[Deadline]) -> list[Deadline]:
    return sorted(deadlines, key=lambda deadline: deadline.pk)


def _subject(deadline: Deadline) -> tuple[str, int | None, int | None]:
    return deadline.kind, deadline.follow_up_id, deadline.deviation_id


def _why_again(change: EmergencyChange, deadline: Deadline) -> str:
    denied = any(approval.status == "denied" for approval in change.approvals.all())
    if denied and deadline.kind == Deadline.Kind.APPROVAL:
        return "Asked again, as the claimed approval was denied"
    return "Started again"
