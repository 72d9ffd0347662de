"""The pages of mail: what became of each message, dead letters, and sending one again."""

from typing import Any

import pytest
from django.utils.html import escape

from ecportal import clock
from ecportal.outbox.admin import ATTEMPTS_SHOWN
from ecportal.outbox.channels import Answer
from ecportal.outbox.models import DeliveryAttempt, Message
from ecportal.outbox.publishing import publish, recall
from ecportal.outbox.relay import settle, take
from tests.pages.conftest import SignIn
from tests.pages.walk import Person, sentences
from tests.pages.world import act, listing, page
from tests.scenario import Company

Result = DeliveryAttempt.Result
REFUSED = Answer(Result.REFUSED, "5.1.1 <gone@example.test>: No such user", 550)


def a_message(subject: str, *answers: Answer) -> Message:
    """Write a message with these attempts behind it."""
    message = publish("gone@example.test", subject, "In words.", "<p>In color.</p>")
    for answer in answers:
        Message.objects.exclude(pk=message.pk).update(next_attempt_at=clock.now())
        Message.objects.filter(pk=message.pk).update(next_attempt_at=None)
        taken = take(after=message.pk - 1)
        assert taken == message
        settle(taken, answer)
    message.refresh_from_db()
    return message


@pytest.fixture
def dead(company: Company) -> Message:
    return a_message("Approve EC-2026-0001", Answer(Result.DEFERRED, "Greylisted", 451), REFUSED)


def test_list_says_what_became_of_each_message_and_finds_dead_letters(
    company: Company, dead: Message, signed_in: SignIn
) -> None:
    sent = a_message("Review EC-2026-0002", Answer(Result.SENT, "OK", 250))
    recalled, waiting = a_message("Document EC-2026-0003"), a_message("Decide on EC-2026-0004")
    recall(recalled, clock.now())
    client = signed_in(company.lead)
    for status, one in (
        ("given_up", dead), ("sent", sent), ("recalled", recalled), ("waiting", waiting),
    ):  # fmt: skip
        text = sentences(client.get(f"{listing(dead)}?result={status}"))
        found = [m for m in (dead, sent, recalled, waiting) if m.subject in text]
        assert found == [one]
    text = sentences(client.get(listing(dead)))
    assert "Dead letters" in text
    for word in ("Dead letter", "Sent", "Recalled", "Waiting", "E-mail"):
        assert word in text


def test_lists_without_messages_say_so(company: Company, signed_in: SignIn) -> None:
    client = signed_in(company.lead)
    assert "No message was written yet." in sentences(client.get(listing(Message)))
    text = sentences(client.get(f"{listing(Message)}?result=given_up"))
    assert "Nothing matches" in text
    assert "Messages that reached nobody" not in sentences(client.get("/admin/"))


def test_page_shows_each_attempt_with_the_servers_answer(
    company: Company, dead: Message, signed_in: SignIn
) -> None:
    text = signed_in(company.auditor).get(page(dead)).content.decode()
    first, second = text.index("451 Greylisted"), text.index(escape(REFUSED.in_words))
    assert first < second
    assert "Not now" in text
    assert "Refused for good" in text
    assert "Given up after 2 attempts" in text


def test_page_of_a_message_that_was_not_tried_says_so(company: Company, signed_in: SignIn) -> None:
    message = a_message("Approve")
    assert "None yet." in sentences(signed_in(company.lead).get(page(message)))


def test_page_of_a_message_tried_for_days_shows_the_last_attempts(
    company: Company, signed_in: SignIn
) -> None:
    message = a_message("Approve")
    DeliveryAttempt.objects.bulk_create(
        DeliveryAttempt(message=message, at=clock.now(), result="away", answer=f"Try {n}.")
        for n in range(ATTEMPTS_SHOWN + 5)
    )
    text = sentences(signed_in(company.lead).get(page(message)))
    assert f"The last {ATTEMPTS_SHOWN} of more." in text
    assert "Try 4." not in text
    assert "Try 5." in text
    assert f"Try {ATTEMPTS_SHOWN + 4}." in text


@pytest.mark.parametrize("who", ["lead", "roleadmin"])
def test_dead_letter_is_sent_again_by_one_button(company: Company, dead: Message, who: str) -> None:
    someone = Person(getattr(company, who))
    assert "1 dead letter" in sentences(someone.open("/admin/"))
    assert act(dead, "retry") in someone.open(page(dead)).content.decode()
    response: Any = someone.send(act(dead, "retry"), reason="The mailbox was made.")
    assert (response.status_code, response["Location"]) == (302, page(dead))
    dead.refresh_from_db()
    assert dead.status == "waiting"
    text = sentences(someone.open(page(dead)))
    assert "The mailbox was made." in text
    assert "551" not in text
    assert "550 5.1.1" in text
    assert act(dead, "retry") not in someone.open(page(dead)).content.decode()
    assert "dead letter" not in sentences(someone.open("/admin/"))


def test_auditor_sees_dead_letters_and_no_button(
    company: Company, dead: Message, signed_in: SignIn
) -> None:
    client = signed_in(company.auditor)
    assert "Approve EC-2026-0001" in sentences(client.get(f"{listing(dead)}?result=given_up"))
    assert "/act/" not in client.get(page(dead)).content.decode()
    assert client.post(act(dead, "retry"), {"reason": "Why not?"}).status_code == 403
    assert "Messages that reached nobody" not in sentences(client.get("/admin/"))


def test_sent_message_cannot_be_sent_again(company: Company) -> None:
    sent = a_message("Approve", Answer(Result.SENT, "OK", 250))
    response = Person(company.lead).send(act(sent, "retry"), reason="Once more.")
    assert response.status_code == 422
    assert "is possible only while the message is given up" in sentences(response)


def test_values_are_escaped_once_and_addresses_are_links(
    company: Company, signed_in: SignIn
) -> None:
    message = publish("lead@example.test", "It's due", "See https://a.test/x?a=1&b=2 <now>", "")
    content = signed_in(company.lead).get(page(message)).content.decode()
    assert "It&#x27;s due" in content
    for twice in ("&amp;lt;", "&lt;a href", "&amp;#x27;", "&amp;amp;"):
        assert twice not in content, twice
    assert 'href="mailto:lead@example.test"' in content
    assert 'href="https://a.test/x?a=1&amp;b=2"' in content
