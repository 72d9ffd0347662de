"""When a message reaches nobody, the next rung is pulled forward; each rung still counts once."""

from datetime import UTC, date, datetime, timedelta

from django.core import mail

from ecportal import clock
from ecportal.accounts import roles
from ecportal.accounts.lifecycle import LIFECYCLE as PEOPLE
from ecportal.outbox.models import Message
from ecportal.outbox.publishing import undelivered
from incidents.lifecycle import INCIDENTS
from reviews.lifecycle import FOLLOW_UPS
from reviews.models import Escalation, FollowUpAction, Notice, OpenReminder, Setback
from reviews.sweep import sweep
from tests.scenario import Company, Journey, a_change, person

NOON = datetime(2026, 11, 18, 11, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def sweep_at(moment: datetime) -> list[str]:
    mail.outbox.clear()
    with clock.at(moment):
        sweep()
    return sorted(message.to[0].removesuffix("@example.test") for message in mail.outbox)


def submitted(company: Company) -> None:
    with clock.at(NOON):
        a_change(company, "submitted")


def bounce(message: Message, moment: datetime = NOON) -> None:
    """Tell of a message that its server refused for good."""
    with clock.at(moment):
        undelivered.send(sender=Message, message=message)


def test_refused_recipient_is_in_the_ledger_and_the_next_lead_is_told_at_once(
    company: Company,
) -> None:
    submitted(company)
    assert sweep_at(NOON) == ["lead"]
    bounce(Notice.objects.get().message)
    assert Notice.objects.get().undelivered_at == NOON
    assert sweep_at(NOON + MINUTE) == ["lead2"]
    rungs = [str(escalation) for escalation in Escalation.objects.order_by("pk")]
    assert len(rungs) == 2
    assert rungs[1].endswith("; pulled forward, as nobody else could be told")
    assert sweep_at(NOON + 16 * MINUTE) == []  # the pulled rung was that one
    assert not Setback.objects.exists()


def test_refusal_is_heeded_by_a_clock_that_was_set_back(company: Company) -> None:
    submitted(company)
    sweep_at(NOON)
    bounce(Notice.objects.get().message)
    assert sweep_at(NOON - 60 * MINUTE) == ["lead2"]


def test_one_refusal_among_several_recipients_pulls_nothing(company: Company) -> None:
    submitted(company)
    sweep_at(NOON + 31 * MINUTE)
    escalation = Escalation.objects.latest("pk")
    bounce(escalation.notices.get(person=company.lead).message)
    assert escalation.notices.exclude(undelivered_at=None).count() == 1
    assert Setback.objects.count() == 1  # of the rung that told that Lead alone
    assert sweep_at(NOON + 32 * MINUTE) == []


def test_nothing_is_pulled_where_it_would_tell_nobody_new(company: Company) -> None:
    for lead in (company.lead, company.lead2):
        lead.email = ""
        lead.save()
    submitted(company)
    assert sweep_at(NOON) == []
    assert Escalation.objects.count() == 1
    assert sweep_at(NOON + 15 * MINUTE) == []
    assert Escalation.objects.count() == 2


def test_duty_of_a_lead_who_is_deactivated_goes_to_the_next_at_once(company: Company) -> None:
    submitted(company)
    assert sweep_at(NOON) == ["lead"]
    PEOPLE.perform(company.lead, "deactivate", by=company.roleadmin, reason="Left.")
    assert sweep_at(NOON + MINUTE) == ["lead2"]


def test_met_deadline_is_not_pulled(company: Company) -> None:
    with clock.at(NOON):
        change = a_change(company, "submitted")
    sweep_at(NOON)
    notice = Notice.objects.get()
    with clock.at(NOON):
        Journey(company, change).approve()
    bounce(notice.message)
    sweep_at(NOON + MINUTE)
    assert Escalation.objects.count() == 1


def test_follow_up_given_to_somebody_else_is_told_to_the_new_owner_alone(
    company: Company,
) -> None:
    newcomer = person("newcomer", roles.ENGINEER)
    friday = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)  # quiet in Berlin until 07:00
    action = {"title": "Alert", "owner": company.engineer2, "due_on": date(2026, 11, 20)}
    with clock.at(NOON):
        change = a_change(company, "documented")
    with clock.at(NOON + 60 * MINUTE):
        Journey(company, change).review(no_follow_up_reason="", follow_ups=[action])
        INCIDENTS.perform(change.incident, "resolve", by=company.engineer, reason="Over.")
    sweep_at(NOON + 61 * MINUTE)
    assert sweep_at(friday) == []
    assert OpenReminder.objects.get().person == company.engineer2
    with clock.at(friday):
        FOLLOW_UPS.perform(
            FollowUpAction.objects.get(), "reassign", by=company.lead, reason="Busy.",
            owner=newcomer,
        )  # fmt: skip
    told = sweep_at(friday + 2 * 60 * MINUTE)
    assert "engineer2" not in told
    assert told == ["newcomer"]
    assert "given to somebody else" in Notice.objects.get(person=company.engineer2).result
