"""The sweep: everything due is written once and sent, however often, late or at once it runs."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection

from changes.models import EmergencyChange
from ecportal import clock
from ecportal.outbox.models import LEASE, Message
from ecportal.outbox.publishing import deliver
from reviews.models import ControlException, Deadline, Escalation, Notice
from reviews.sweep import sweep
from tests.scenario import Company, Journey, a_change, found_company
from tests.smtp import MailServer, mail_server

NOON = datetime(2026, 11, 18, 11, 0, tzinfo=UTC)  # a Wednesday
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    with mail_server() as running:
        for name, value in running.settings.items():
            setattr(settings, name, value)
        yield running


def submitted(company: Company, **values: Any) -> EmergencyChange:
    with clock.at(NOON):
        return a_change(company, "submitted", **values)


def sweep_at(moment: datetime) -> dict[str, Any]:
    with clock.at(moment):
        return sweep().as_dict()


def addresses() -> list[str]:
    return sorted(mail.to[0].removesuffix("@example.test") for mail in mail.outbox)


def at_once(*jobs: Callable[[], object]) -> None:
    """Run the jobs at the same time, each on its own connection; raise what the first raised."""
    gate, errors = threading.Barrier(len(jobs)), []

    def run(job: Callable[[], object]) -> None:
        gate.wait()
        try:
            job()
        except Exception as error:  # noqa: BLE001 - told to the test
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_sweeping_again_writes_and_sends_nothing_more(company: Company) -> None:
    submitted(company)
    assert sweep_at(NOON)["sent"] == 1
    again = sweep_at(NOON)
    assert (again["escalations"], again["messages"], again["sent"]) == ([], 0, 0)
    assert addresses() == ["lead"]


def test_met_deadline_is_silent(company: Company) -> None:
    change = submitted(company)
    with clock.at(NOON):
        Journey(company, change).approve()
    assert sweep_at(NOON + 24 * HOUR)["escalations"] == []


def test_void_deadline_is_silent(company: Company) -> None:
    change = submitted(company)
    with clock.at(NOON):
        Journey(company, change).do("cancel", company.engineer)
    assert sweep_at(NOON + 24 * HOUR)["escalations"] == []


def test_sweeps_that_were_missed_are_caught_up_in_one_message_a_person(company: Company) -> None:
    submitted(company)
    report = sweep_at(NOON + 24 * HOUR)
    assert len(report["escalations"]) == Escalation.objects.count() == 3
    assert addresses() == ["lead", "lead2"]
    assert Notice.objects.filter(person=company.lead).count() == 2
    assert Notice.objects.filter(person=company.lead).values("message").distinct().count() == 1


def test_reminders_of_several_changes_come_as_one_message(company: Company) -> None:
    changes = [submitted(company, title=f"Roll back {n}") for n in range(3)]
    sweep_at(NOON)
    [message] = mail.outbox
    assert message.subject.startswith("3 deadlines, first: ")
    for change in changes:
        assert message.body.count(f"Approve {change.number}\n{change.title}\n") == 1


def test_person_without_address_is_in_the_ledger_and_the_next_is_told_at_once(
    company: Company,
) -> None:
    company.lead.email = ""
    company.lead.save()
    submitted(company)
    report = sweep_at(NOON)
    first, second = Notice.objects.order_by("pk")
    assert (first.person, first.message, first.result) == (
        company.lead, None, "No e-mail address",
    )  # fmt: skip
    assert second.person == company.lead2
    assert "pulled forward" in second.escalation.rung_in_words
    assert (report["messages"], addresses()) == (1, ["lead2"])


def test_passed_deadline_is_one_exception_however_often_it_is_swept(company: Company) -> None:
    change = submitted(company)
    assert sweep_at(NOON + 15 * MINUTE)["exceptions"] == []
    assert len(sweep_at(NOON + 16 * MINUTE)["exceptions"]) == 1
    assert sweep_at(NOON + 17 * MINUTE)["exceptions"] == []
    assert [str(kind) for kind in change.exceptions.values_list("kind", flat=True)] == [
        "approval_late"
    ]


def test_mail_server_that_is_away_loses_no_reminder(company: Company, server: MailServer) -> None:
    submitted(company)
    server.mode = "close"
    report = sweep_at(NOON)
    assert (report["messages"], report["sent"], report["refused"]) == (1, 0, 1)
    assert Notice.objects.get().result.startswith("Not sent after 1 attempt: ")
    server.mode = "accept"
    assert sweep_at(NOON + LEASE)["sent"] == 1
    assert Notice.objects.get().result == "Sent"
    assert len(server.to("lead@example.test")) == 1


# --- at once ------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_send_once(server: MailServer) -> None:
    company = found_company()
    for n in range(5):
        submitted(company, title=f"Roll back {n}")
    moment = NOON + HOUR
    at_once(*[lambda: sweep_at(moment)] * 2)
    with clock.at(moment + LEASE):
        deliver()
    assert Escalation.objects.count() == 5 * 3
    assert ControlException.objects.count() == 5
    assert Notice.objects.filter(message=None).count() == 0
    for lead in ("lead", "lead2"):
        told = [part for mail in server.to(f"{lead}@example.test") for part in mail.iter_parts()]
        texts = [part.get_content() for part in told if part.get_content_type() == "text/plain"]
        for change in EmergencyChange.objects.all():
            assert sum(f"Approve {change.number}" in text for text in texts) == 1


@pytest.mark.django_db(transaction=True)
def test_late_decision_and_sweep_at_once_do_not_lock_each_other_out() -> None:
    """Both write the deadline and its exception; neither may wait for the other in a circle."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time, so there is no circle to show.")
    company = found_company()
    change = submitted(company)
    late, swept = NOON + 16 * MINUTE, threading.Event()

    class Patient(str):
        """A fingerprint that is compared slowly: the decision holds its locks meanwhile."""

        __hash__ = str.__hash__

        def __ne__(self, other: object) -> bool:
            swept.wait(2)
            return not str.__eq__(self, other)

    def decide() -> None:
        with clock.at(late):
            Journey(company, change).do(
                "approve", company.lead, fingerprint=Patient(change.fingerprint())
            )

    def watch() -> None:
        threading.Event().wait(0.3)  # the decision comes first
        sweep_at(late)
        swept.set()

    at_once(decide, watch)
    assert change.exceptions.get().kind == "approval_late"
    assert Deadline.objects.get(kind="approval").met_at == late


# --- the command --------------------------------------------------------------------------------
def run(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command("sweep_deadlines", *arguments, stdout=out)
    return json.loads(out.getvalue())


def test_command_prints_what_it_did_as_json(company: Company) -> None:
    change = submitted(company, title="„Kasse“ 🔥 zurück")
    report = run("--now", "2026-11-18T11:16Z")
    assert report["now"] == "2026-11-18T11:16:00+00:00"
    first, second = report["escalations"]
    assert first["deadline"] == second["deadline"] == f"Approval decision, {change.number}"
    assert first["rung"].startswith("Approval decision: 15 minutes before due, ")
    assert second["rung"].startswith("Approval decision: when due, ")
    assert (first["told"], second["told"]) == (["lead@example.test"], ["lead2@example.test"])
    assert report["exceptions"] == [f"Approval decision late, {change.number}"]
    assert (report["messages"], report["sent"], report["refused"]) == (2, 2, 0)


def test_command_moves_the_clock_for_its_own_sweep_alone(company: Company) -> None:
    submitted(company)
    run("--now", "2030-01-01T00:00Z")
    assert Escalation.objects.count() == 3
    assert clock.now().year != 2030


def test_command_reads_a_time_without_zone_as_the_companys(company: Company) -> None:
    assert run("--now", "2026-11-18 12:00")["now"] == "2026-11-18T11:00:00+00:00"


@pytest.mark.parametrize(
    "text", ["soon", "2026-13-01T00:00Z", "12:00", "", "0001-01-01T00:00Z", "9999-12-31T23:59Z"]
)
def test_command_refuses_a_malformed_time_in_one_line(company: Company, text: str) -> None:
    submitted(company)
    with pytest.raises(CommandError) as refused:
        run("--now", text)
    assert "\n" not in str(refused.value)
    assert repr(text) in str(refused.value)
    assert Message.objects.count() == 0


@pytest.mark.parametrize("text", ["2026-11-18T11:16Z", ""])
def test_command_does_not_move_the_clock_in_production(
    company: Company, settings: Any, text: str
) -> None:
    submitted(company)
    settings.IN_PRODUCTION = True
    with pytest.raises(CommandError, match="production"):
        run("--now", text)
    with clock.at(NOON + HOUR):
        assert len(run()["escalations"]) == 3


@pytest.fixture
def mail_is_away(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # nobody listens there


def test_reminder_that_could_not_be_sent_is_recalled_when_the_deadline_is_met(
    company: Company, mail_is_away: None
) -> None:
    with clock.at(NOON):
        change = a_change(company, "submitted")
        sweep()
    message = Message.objects.get()
    assert message.sent_at is None
    with clock.at(NOON + timedelta(minutes=2)):
        Journey(company, change).approve()
    message.refresh_from_db()
    assert message.outcome == "Not sent: there was no more need by then"
    waiting = Message.objects.waiting(NOON + timedelta(days=1))
    assert not waiting.filter(notices__isnull=False).exists()


def test_reminder_of_two_deadlines_is_kept_while_one_of_them_runs(
    company: Company, mail_is_away: None
) -> None:
    with clock.at(NOON):
        changes = [a_change(company, "submitted") for _ in range(2)]
        sweep()
    message = Message.objects.get()
    with clock.at(NOON + timedelta(minutes=2)):
        Journey(company, changes[0]).approve()
        assert Message.objects.get(pk=message.pk).recalled_at is None
        Journey(company, changes[1]).approve()
        assert Message.objects.get(pk=message.pk).recalled_at is not None
