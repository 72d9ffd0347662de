"""Finds what is due, writes it down, and has people told; run it twice and nothing more happens."""

from collections import defaultdict
from dataclasses import asdict, dataclass, field
from datetime import datetime

from django.db import transaction

from ecportal import clock
from ecportal.accounts.models import User
from ecportal.lifecycle import Act
from ecportal.outbox.publishing import deliver
from reviews.business_days import company_calendar
from reviews.ladder import due_time, latest_due, recipients
from reviews.models import Deadline, Escalation, EscalationRung, Notice
from reviews.notifications import tell
from reviews.register import note_late, unregistered


@dataclass
class Report:
    """What one sweep did; the command prints it as JSON."""

    now: str
    escalations: list[dict[str, object]] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)
    messages: int = 0
    sent: int = 0
    refused: int = 0

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def sweep() -> Report:
    """Write every rung and exception that is due by now, then send the messages that wait.

    Rows and messages are one transaction; sending comes after it, so a mail server that is away
    loses nothing. Two sweeps at once share the work: each leaves the other's deadlines alone.
    """
    now = clock.now()
    report = Report(now=now.isoformat())
    with transaction.atomic():
        _register_overdue(now, report)
        _escalate(now, report)
    report.sent, report.refused = deliver()
    return report


def _register_overdue(now: datetime, report: Report) -> None:
    overdue = unregistered(Deadline.objects.overdue(now)).select_related("change")
    for deadline in overdue.select_for_update(of=("self",), skip_locked=True):
        exception = note_late(deadline, now)
        if exception is not None:
            report.exceptions.append(str(exception))


def _escalate(now: datetime, report: Report) -> None:
    ladders: dict[str, list[EscalationRung]] = defaultdict(list)
    for rung in EscalationRung.objects.filter(status=EscalationRung.Status.IN_USE):
        ladders[rung.kind].append(rung)
    calendar = company_calendar()
    horizon = latest_due([rung for rungs in ladders.values() for rung in rungs], now, calendar)
    act = Act("escalate", User.objects.system(), "Due by the ladder.", now, now)
    told: dict[tuple[str, User | None], list[Notice]] = defaultdict(list)
    running = (
        Deadline.objects.running()
        .filter(due_at__lte=horizon)
        .select_related("owner", "follow_up", "deviation", "change__incident")
        .select_for_update(of=("self",), skip_locked=True)
        .prefetch_related("escalations")
    )
    for deadline in running:
        reached = {escalation.rung_id for escalation in deadline.escalations.all()}
        for rung in ladders[deadline.kind]:
            if rung.pk not in reached and due_time(deadline, rung, calendar) <= now:
                notices = _reach(deadline, rung, act)
                report.escalations.append(
                    {
                        "deadline": str(deadline),
                        "rung": str(rung),
                        "told": [notice.address for notice in notices],
                    }
                )
                for notice in notices:
                    told[notice.address, notice.person].append(notice)
    for (address, _person), notices in told.items():
        message = tell(address, notices, now) if address else None  # the ledger shows who has none
        report.messages += message is not None
        for notice in notices:
            notice.message = message
            act.save(notice)


def _reach(deadline: Deadline, rung: EscalationRung, act: Act) -> list[Notice]:
    escalation = Escalation(
        deadline=deadline, rung=rung, rung_in_words=str(rung)[:300], reached_at=act.recorded_at
    )
    act.save(escalation)
    # Nobody to tell is a fact as well: the ledger keeps it.
    return [
        Notice(escalation=escalation, person=person, address=address)
        for person, address in recipients(deadline, rung) or [(None, "")]
    ]
