"""The ledger on the record's page, and how deadlines and debts read there."""

from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils.html import strip_tags

from changes.models import EmergencyChange
from ecportal import clock
from ecportal.outbox.models import Message
from ecportal.outbox.publishing import undelivered
from reviews.models import EscalationRung, Notice
from reviews.sweep import sweep
from tests.reviews.test_quiet_hours import NIGHT, asked_at_night
from tests.scenario import Company, Journey, a_change, a_draft

pytestmark = pytest.mark.once

NOON = datetime(2026, 11, 18, 11, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def page(client: Client, change: EmergencyChange, moment: datetime, who: str = "engineer") -> str:
    """Return what the page of the change says, as plain words."""
    client.login(username=who, password=who)
    with clock.at(moment):
        response = client.get(f"/admin/changes/emergencychange/{change.pk}/change/")
    words = strip_tags(response.content.decode().replace("<", " <"))
    return " ".join(unescape(words).split())


def test_ledger_says_to_whom_when_by_which_channel_and_with_what_result(
    company: Company, client: Client
) -> None:
    with clock.at(NOON):
        change = a_change(company, "submitted")
        sweep()
        Journey(company, change).approve()
    text = page(client, change, NOON + MINUTE)
    assert "12:00 Lead Approval decision: 15 minutes before due" in text
    assert "E-mail Sent" in text
    assert "12:00 Engineer Receipt: approved E-mail Waiting to be sent" in text


def test_requester_reads_who_is_waited_for_and_who_was_asked_since_when(
    company: Company, client: Client
) -> None:
    with clock.at(NOON):
        change = a_change(company, "submitted")
    for minute in (0, 15):
        with clock.at(NOON + minute * MINUTE):
            sweep()
    text = page(client, change, NOON + 16 * MINUTE)
    assert "Lead to approve or reject Since 12:00. Asked: Lead 12:00, Lead2 12:15." in text
    assert "Goes to all Leads of the systems at 12:30." in text


def test_reminder_that_waits_for_the_morning_is_in_the_ledger(
    company: Company, client: Client
) -> None:
    change = asked_at_night(company)
    with clock.at(NIGHT):
        sweep()
    assert EscalationRung.objects.filter(respects_quiet_hours=True).exists()
    text = page(client, change, NIGHT)
    assert "Held until Thu 19 Nov 07:00, the end of their quiet hours" in text


def test_message_that_never_arrived_is_no_longer_an_ask(company: Company, client: Client) -> None:
    with clock.at(NOON):
        change = a_change(company, "submitted")
        sweep()
        undelivered.send(sender=Message, message=Notice.objects.get().message)
        sweep()
    text = page(client, change, NOON)
    assert "Asked: Lead2 12:00" in text
    assert "pulled forward, as nobody else could be told" in text


def test_approval_that_is_asked_again_after_a_denied_claim_reads_as_one_story(
    company: Company, client: Client
) -> None:
    with clock.at(NOON):
        journey = Journey(company, a_draft(company)).submit().claim()
    with clock.at(NOON + 5 * MINUTE):
        journey.do("deny_approval", company.lead)
    text = page(client, journey.change, NOON + 6 * MINUTE)
    deadlines = text.rpartition(" Deadlines ")[2]
    assert deadlines.startswith("Approval decision 14 min left")
    again = "Asked again, as the claimed approval was denied."
    assert deadlines.index(again) < deadlines.index("Approval decision, before met")
    assert "Started again since." in deadlines


def test_duty_of_somebody_who_left_is_waited_for_from_the_leads(
    company: Company, client: Client
) -> None:
    with clock.at(NOON):
        change = a_change(company, "submitted")
    company.lead.is_active = False
    company.lead.save()
    text = page(client, change, NOON)
    assert "A Lead of the systems, as Lead is away to approve or reject" in text
