"""Messages: written with the act they tell of, sent at least once to a real mail server."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from ecportal import clock
from ecportal.outbox.models import LEASE, Message
from ecportal.outbox.publishing import deliver, publish, take
from tests.smtp import MailServer, mail_server

AWAY = ["close", "hang", "busy", "stopped"]


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    with mail_server() as running:
        for name, value in running.settings.items():
            setattr(settings, name, value)
        yield running


def write(*names: str, subject: str = "Approve EC-2026-0001: 15 min left") -> list[Message]:
    return [
        publish(f"{name}@example.test", subject, "In words.", "<p>In color.</p>") for name in names
    ]


def deliver_after_the_lease() -> tuple[int, int]:
    with clock.at(clock.now() + LEASE + timedelta(seconds=1)):
        return deliver()


@pytest.mark.django_db(transaction=True)
def test_message_exists_if_and_only_if_the_transaction_commits() -> None:
    with transaction.atomic():
        write("lead")
        transaction.set_rollback(True)
    assert not Message.objects.exists()
    with transaction.atomic():
        write("lead")
    assert Message.objects.count() == 1


def test_delivered_mail_has_an_id_and_both_kinds_of_text(db: None, server: MailServer) -> None:
    [message] = write("lead")
    assert deliver() == (1, 0)
    [mail] = server.received
    assert mail["Message-ID"] == message.message_id
    assert mail["To"] == mail["X-Recipients"] == "lead@example.test"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "multipart/alternative"
    text, html = mail.iter_parts()
    assert (text.get_content_type(), text.get_content().strip()) == ("text/plain", "In words.")
    assert (html.get_content_type(), html.get_content().strip()) == (
        "text/html",
        "<p>In color.</p>",
    )
    message.refresh_from_db()
    assert (message.outcome, message.attempts) == ("Sent", 1)


@pytest.mark.parametrize(
    "title",
    [
        "Roll\r\nBcc: everyone@example.test\r\n\r\nback",
        "Roll\u2028back\u0085now\x0b\x0c\x1c\ttab",
        "🔥 Kasse steht 🔥 支払い",
        "\u202eגלגול אחורה\u202c",
        "checkout-42 " * 100,
    ],
)
def test_subject_is_one_line_whatever_the_title(db: None, server: MailServer, title: str) -> None:
    write("lead", subject=title)
    assert deliver() == (1, 0)
    [mail] = server.received
    assert mail["Subject"] == " ".join(title.split())[:300].strip()
    assert mail["Bcc"] is None
    assert mail["X-Recipients"] == "lead@example.test"


@pytest.mark.parametrize("answer", ["550 No such user", "450 Try again later"])
def test_refused_recipient_is_noted_and_the_others_are_sent(
    db: None, server: MailServer, answer: str
) -> None:
    server.answers["gone@example.test"] = answer
    _first, gone, _last = write("first", "gone", "last")
    assert deliver() == (2, 1)
    assert [mail["To"] for mail in server.received] == ["first@example.test", "last@example.test"]
    gone.refresh_from_db()
    assert gone.outcome.startswith("Not sent after 1 attempts: ")
    assert answer[4:] in gone.outcome
    server.answers.clear()
    assert deliver() == (0, 0)
    assert deliver_after_the_lease() == (1, 0)
    gone.refresh_from_db()
    assert (gone.outcome, gone.attempts) == ("Sent", 2)


@pytest.mark.parametrize("address", ["a@b@c", "a@example.test\nBcc: b@example.test"])
def test_address_that_is_none_is_noted_and_the_others_are_sent(
    db: None, server: MailServer, address: str
) -> None:
    wrong = publish(address, "Approve", "", "")
    write("lead")
    assert deliver() == (1, 1)
    assert [mail["X-Recipients"] for mail in server.received] == ["lead@example.test"]
    wrong.refresh_from_db()
    assert wrong.error


@pytest.mark.parametrize("mode", AWAY)
def test_server_that_is_away_loses_nothing_and_is_asked_once(
    db: None, server: MailServer, settings: Any, mode: str
) -> None:
    written = write("first", "second", "third")
    server.mode = mode
    if mode == "stopped":
        settings.EMAIL_PORT = 1  # nobody listens there
    assert deliver() == (0, 1)
    assert server.connections <= 1
    assert Message.objects.filter(sent_at=None).count() == 3
    assert Message.objects.exclude(error="").count() == 1
    server.mode, settings.EMAIL_PORT = "accept", server.port
    assert deliver() == (2, 0)
    assert deliver_after_the_lease() == (1, 0)
    assert deliver_after_the_lease() == (0, 0)
    assert sorted(mail["Message-ID"] for mail in server.received) == sorted(
        message.message_id for message in written
    )


def test_message_of_a_sender_that_died_waits_for_its_lease_alone(
    db: None, server: MailServer
) -> None:
    [message] = write("lead")
    assert take() == message  # and then the sender is killed
    assert deliver() == (0, 0)
    assert deliver_after_the_lease() == (1, 0)
    [mail] = server.received
    assert mail["Message-ID"] == message.message_id


@pytest.mark.django_db(transaction=True)
def test_two_deliveries_at_once_send_each_message_once(server: MailServer) -> None:
    write(*(f"lead{n}" for n in range(20)))
    gate, done = threading.Barrier(2), []

    def send() -> None:
        gate.wait()
        done.append(deliver())
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(mail["To"] for mail in server.received) == sorted(
        f"lead{n}@example.test" for n in range(20)
    )
    assert sum(sent for sent, _refused in done) == 20
    assert not Message.objects.filter(sent_at=None).exists()
    assert set(Message.objects.values_list("attempts", flat=True)) == {1}
