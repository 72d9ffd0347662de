"""Messages: written with the act they tell of, sent at least once to a real mail server."""

import threading
from typing import Any

import pytest
from django.db import connection, transaction

from ecportal import clock
from ecportal.outbox.channels import Answer
from ecportal.outbox.models import DeliveryAttempt, Message
from ecportal.outbox.publishing import deliver, recall
from ecportal.outbox.relay import settle, take
from tests.letters import deliver_after_the_lease, results, write
from tests.smtp import MailServer


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
    assert mail["List-Unsubscribe"] is None
    assert mail.get_content_type() == "multipart/alternative"
    text, html = mail.iter_parts()
    assert (text.get_content_type(), text.get_content().strip()) == ("text/plain", "In words.")
    assert (html.get_content_type(), html.get_content().strip()) == (
        "text/html",
        "<p>In color.</p>",
    )
    message.refresh_from_db()
    assert (message.outcome, message.attempts) == ("Sent", 1)


def test_servers_answer_is_kept_of_success_too(db: None, server: MailServer) -> None:
    server.at_data = "250 2.0.0 Ok: queued as 4Xq"
    [message] = write("lead")
    assert deliver() == (1, 0)
    attempt = DeliveryAttempt.objects.get()
    assert (attempt.message, attempt.result, attempt.code) == (message, "sent", 250)
    assert attempt.answer == "2.0.0 Ok: queued as 4Xq"
    message.refresh_from_db()
    assert message.answer == "250 2.0.0 Ok: queued as 4Xq"


def test_batch_is_sent_over_one_connection(db: None, server: MailServer) -> None:
    write(*(f"lead{n}" for n in range(20)))
    assert deliver() == (20, 0)
    assert server.connections == 1


def test_connection_that_the_server_closed_is_opened_again(db: None, server: MailServer) -> None:
    write(*(f"lead{n}" for n in range(5)))
    server.hang_up_after = 2
    assert deliver() == (5, 0)
    assert server.connections == 3
    assert set(DeliveryAttempt.objects.values_list("result", flat=True)) == {"sent"}


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


# --- threads ------------------------------------------------------------------------------------
def test_messages_of_a_thread_refer_to_one_root(db: None, server: MailServer) -> None:
    first, second = write("lead", "lead2", thread="EC-2026-0001")
    write("lead", thread="EC-2026-0002")
    write("lead")
    assert deliver() == (4, 0)
    of_first, of_second, other, loose = server.received
    assert of_first["In-Reply-To"] == of_first["References"]
    assert of_first["References"] == of_second["References"] == "<EC-2026-0001.thread@127.0.0.1>"
    assert other["References"] == "<EC-2026-0002.thread@127.0.0.1>"
    assert (loose["References"], loose["In-Reply-To"]) == (None, None)
    assert len({first.message_id, second.message_id, of_first["References"]}) == 3


def test_replies_go_to_the_address_of_the_thread(
    db: None, server: MailServer, settings: Any
) -> None:
    write("lead", thread="EC-2026-0001")
    deliver()
    settings.MAIL_THREAD_ADDRESS = "changes+{thread}@example.test"
    write("lead", thread="EC-2026-0001")
    write("lead")
    deliver()
    replies = [mail["Reply-To"] for mail in server.received]
    assert replies == [None, "changes+EC-2026-0001@example.test", None]


@pytest.mark.parametrize("thread", ["EC 1", "EC-1>", "EC-1\r\nBcc: b@c", "é", "-EC", "a" * 51])
def test_thread_that_is_no_plain_key_is_refused(db: None, thread: str) -> None:
    with pytest.raises(ValueError, match="is no thread"):
        write("lead", thread=thread)


# --- no more ----------------------------------------------------------------------------------
def test_recalled_message_is_not_sent(db: None, server: MailServer) -> None:
    first, second = write("first", "second")
    assert recall(first, clock.now())
    assert not recall(first, clock.now())
    assert deliver() == (1, 0)
    assert not recall(second, clock.now())
    assert [mail["To"] for mail in server.received] == ["second@example.test"]
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == ("recalled", "sent")


def test_message_recalled_in_a_senders_hands_is_sent_at_most_by_that_one(
    db: None, server: MailServer
) -> None:
    [message] = write("lead")
    assert take() == message
    assert recall(message, clock.now())  # and the sender is killed
    assert deliver_after_the_lease() == (0, 0)
    assert server.received == []


# --- senders ------------------------------------------------------------------------------------
def test_message_of_a_sender_that_died_waits_for_its_lease_alone(
    db: None, server: MailServer
) -> None:
    [message] = write("lead")
    assert take() == message  # and then the sender is killed
    assert deliver() == (0, 0)
    assert deliver_after_the_lease() == (1, 0)
    [mail] = server.received
    assert mail["Message-ID"] == message.message_id
    assert results(message) == ["died", "sent"]


def test_sender_that_lost_its_lease_undoes_nothing(db: None, server: MailServer) -> None:
    [message] = write("lead")
    slow = take()
    assert slow is not None
    assert deliver_after_the_lease() == (1, 0)
    settle(slow, Answer(DeliveryAttempt.Result.REFUSED, "Slow", 550))
    message.refresh_from_db()
    assert message.status == "sent"
    assert results(message) == ["died", "sent", "refused"]


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
