"""What reminders say: what to do, how long is left, and where; nothing of a confidential change."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.test import Client

from changes.models import EmergencyChange
from ecportal import clock
from ecportal.outbox.publishing import deliver
from reviews.models import Deadline
from reviews.sweep import sweep
from tests.reviews.test_ladder import FRIDAY, LADDERS, begin
from tests.scenario import Company, a_change

pytestmark = pytest.mark.once

NOON = datetime(2026, 11, 18, 11, 0, tzinfo=UTC)
ACTS = {
    "approval": "Approve",
    "confirmation": "Confirm the approval of",
    "retroactive": "Decide on",
    "documentation": "Document",
    "review": "Waiting for Engineer to document, then review",
    "follow_up": "Finish the follow-up of",
    "catch_up": "Catch up on a test of",
}
OWNED = ["confirmation", "documentation", "follow_up", "catch_up"]  # by one person, not by Leads


def sent(moment: datetime) -> list[EmailMultiAlternatives]:
    deliver()  # the receipts of what was done so far
    mail.outbox.clear()
    with clock.at(moment):
        sweep()
    return mail.outbox


def html(message: EmailMultiAlternatives) -> str:
    return str(message.alternatives[0][0])


def reminder(company: Company, **values: Any) -> EmailMultiAlternatives:
    with clock.at(NOON):
        a_change(company, "submitted", **values)
    [message] = sent(NOON)
    return message


def of_kind(
    messages: list[EmailMultiAlternatives], kind: str, change: EmergencyChange
) -> tuple[EmailMultiAlternatives, str]:
    """Return the first message with an entry of this kind, and the link of that entry."""
    for message in messages:
        entry = re.search(
            rf"(?m)^{ACTS[kind]} {change.number}\n{change.title}\n.*\n.*\n(http\S+)$", message.body
        )
        if entry:
            return message, entry[1]
    raise AssertionError([message.body for message in messages])


@pytest.mark.parametrize("kind", Deadline.Kind.values)
def test_link_leads_to_a_page_for_whom_it_is_sent_to(
    company: Company, client: Client, settings: Any, kind: str
) -> None:
    settings.PORTAL_URL = "https://portal.example.test"
    change = begin(company, kind)
    moment, [username, *_others] = LADDERS[kind][0]
    message, url = of_kind(sent(moment), kind, change)
    assert message.to == [f"{username}@example.test"]
    assert f'href="{url}"' in html(message)
    assert url.startswith("https://portal.example.test/")
    client.login(username=username, password=username)
    with clock.at(moment):
        page = client.get(url.removeprefix("https://portal.example.test"), follow=True)
    assert page.status_code == 200
    assert page.redirect_chain == [] or "login" not in page.redirect_chain[-1][0]
    assert change.number in page.content.decode()


def test_reminder_says_what_until_when_and_by_which_rule(company: Company) -> None:
    message = reminder(company)
    change = EmergencyChange.objects.get()
    assert message.subject == f"Approve {change.number}: 15 min left - {change.title}"
    for text in (message.body, html(message)):
        assert "Hello Lead," in text
        assert "15 min left, due Wed 18 Nov 2026, 12:15 CET" in re.sub("</?strong>", "", text)
        assert "15 minutes after it was asked for" in text


def test_overdue_reminder_says_how_late(company: Company) -> None:
    reminder(company)
    [message] = sent(NOON + timedelta(minutes=20))
    assert ": 5 min late - " in message.subject


@pytest.mark.parametrize("kind", OWNED)
def test_lead_who_is_told_of_another_persons_duty_reads_whose_it_is(
    company: Company, kind: str
) -> None:
    """An escalation informs the Leads; it does not ask them to do what only its owner can."""
    change = begin(company, kind)
    owner = {"confirmation": "Lead", "follow_up": "Engineer2"}.get(kind, "Engineer")
    messages = sent(FRIDAY + timedelta(days=30))
    [message] = [message for message in messages if message.to == ["lead2@example.test"]]
    assert f"{ACTS[kind]} {change.number}" not in message.body
    assert re.search(rf"\b{owner}\b", message.body)


def test_confidential_change_is_a_number_and_nothing_else(company: Company) -> None:
    message = reminder(company, title="Leaked key of the vault", confidential=True)
    change = EmergencyChange.objects.get()
    assert message.subject == f"Approve {change.number}: 15 min left"
    for text in (message.subject, message.body, html(message)):
        assert "vault" not in text
        assert "Checkout" not in text
        assert change.scope not in text


def test_markup_in_a_title_stays_text(company: Company) -> None:
    message = reminder(company, title="<a href=//evil.test>Click</a> & go")
    assert "<a href=//evil.test>Click</a> & go" in message.body
    assert "&lt;a href=//evil.test&gt;Click&lt;/a&gt; &amp; go" in html(message)


def test_mail_loads_nothing_from_elsewhere(company: Company) -> None:
    assert not re.search(r"<(script|img|link|iframe)|url\(|@import", html(reminder(company)))
