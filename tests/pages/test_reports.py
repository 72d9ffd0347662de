"""The pages of Auditors and Leads: register, duties, controls, and what they give to download."""

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pytest

from changes.models import Approval, EmergencyChange
from ecportal import clock
from ecportal.audit import protection, reads
from ecportal.audit.models import AuditEvent
from reviews import reports
from reviews.lifecycle import EXCEPTIONS
from reviews.models import ControlException
from reviews.register import raise_exception
from tests.pages.walk import Person, sentences
from tests.pages.world import counts
from tests.scenario import Company, Journey, a_change, a_draft

REGISTER, DUTIES, CONTROLS = (
    f"/admin/reviews/{name}/" for name in ("register", "duties", "controls")
)


@pytest.fixture
def auditor(company: Company) -> Person:
    return Person(company.auditor)


def table(person: Person, address: str, **query: str) -> list[list[str]]:
    response: Any = person.open(address, format="csv", **query)
    assert response["Content-Disposition"].startswith("attachment; filename=")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    text = b"".join(response.streaming_content).decode()
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))[1:]


def breached(company: Company, **values: Any) -> EmergencyChange:
    """Return a change approved by somebody whose delegator implemented it, past the guards."""
    change = Journey(company, a_draft(company, **values)).submit().approve().start().change
    Approval._base_manager.filter(change=change).update(requester=company.engineer2)
    EmergencyChange._base_manager.filter(pk=change.pk).update(
        implementer=company.lead, requester=company.engineer
    )
    return change


# --- the register -------------------------------------------------------------------------------
def test_register_shows_each_exception_with_the_answer(company: Company, auditor: Person) -> None:
    change = a_draft(company)
    raise_exception(change, "unapproved", "Started at once.")
    answered = raise_exception(change, "review_late", "A day late.")
    assert answered is not None
    EXCEPTIONS.perform(answered, "answer", by=company.lead, reason="We hired a third Lead.")
    text = sentences(auditor.open(REGISTER))
    for words in ("2 exceptions, 1 answered, 1 open", "Started at once.", "We hired a third Lead.",
                  "2 opened, 1 answered, 1 open now.", "None yet"):  # fmt: skip
        assert words in text, words


def test_register_of_a_period_without_exceptions_says_so(auditor: Person) -> None:
    text = sentences(auditor.open(REGISTER, first="2020-01-01", last="2020-12-31"))
    assert "2020-01-01 to 2020-12-31: 0 exceptions" in text
    assert "No exception in this period." in text


def test_trend_of_a_quarter_that_is_over_ends_with_its_last_month(
    company: Company, auditor: Person
) -> None:
    for day in ("2026-06-30T23:00:00+02:00", "2026-07-01T00:30:00+02:00"):
        with clock.at(datetime.fromisoformat(day)):
            raise_exception(a_draft(company), "duties", "It happened.")
    text = sentences(auditor.open(REGISTER, first="2026-04-01", last="2026-06-30"))
    assert "From July 2025 to June 2026: 1 opened, 0 answered, 1 still open at the end." in text
    assert "July 2026" not in text


def test_period_has_both_its_days_in_the_companys_time_zone(
    company: Company, auditor: Person
) -> None:
    day = datetime.fromisoformat("2099-05-31T23:59:59+02:00")
    with clock.at(day):
        raise_exception(a_draft(company), "duties", "Late in May.")
    assert len(table(auditor, REGISTER, first="2099-05-31", last="2099-05-31")) == 1
    assert table(auditor, REGISTER, first="2099-06-01", last="2099-06-30") == []


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@A1", "\t=1", "=cmd|' /C calc'!A0"])
def test_no_cell_of_the_register_is_a_formula(company: Company, auditor: Person, text: str) -> None:
    exception = raise_exception(a_draft(company, title=text.strip()), "duties", text)
    assert exception is not None
    ControlException._base_manager.filter(pk=exception.pk).update(detail=text)
    (row,) = table(auditor, REGISTER)
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
    assert f"'{text}" in row


def test_register_goes_page_by_page_and_keeps_the_period(
    company: Company, auditor: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "ROWS", 2)
    for _ in range(3):
        raise_exception(a_draft(company), "duties", "Both.")
    today = f"{clock.now():%Y-%m-%d}"
    first = auditor.open(REGISTER, first="2020-01-01", last=today).content.decode()
    assert "Page 1 of 2" in first
    assert f"?first=2020-01-01&amp;last={today}&amp;p=2" in first
    assert "Page 2 of 2" in sentences(auditor.open(REGISTER, p="2"))
    for odd in ("0", "-1", "999", "x", "9" * 50):
        auditor.open(REGISTER, p=odd)


ODD_QUERIES: tuple[dict[str, str], ...] = (
    {"first": "garbage"}, {"last": "2026-02-30"}, {"first": "0001-01-01"}, {"first": "9999-12-31"},
    {"last": "2199-12-31"}, {"last": "2000-01-01"}, {"format": "pdf"}, {"show": "🔥"},
)  # fmt: skip


@pytest.mark.parametrize("address", [REGISTER, DUTIES])
def test_odd_query_is_answered_with_a_page(auditor: Person, address: str) -> None:
    for query in ODD_QUERIES:
        auditor.open(address, **query)
    backwards = auditor.open(address, first="2026-05-01", last="2026-01-01")
    assert "The period ends before it begins." in sentences(backwards)


@pytest.mark.parametrize(("address", "name"), [(REGISTER, "exceptions"), (DUTIES, "duties")])
def test_csv_that_a_lead_takes_away_is_an_event(company: Company, address: str, name: str) -> None:
    table(Person(company.lead), address, first="2020-01-01", last="2020-12-31")
    event = AuditEvent.objects.order_by("-pk").get(kind=reads.EXPORT)
    assert f'"what":"{name}-2020-01-01-to-2020-12-31.csv"' in event.body


# --- the duties ---------------------------------------------------------------------------------
def test_duties_report_names_the_breach_and_counts_the_rest(
    company: Company, auditor: Person
) -> None:
    a_change(company, "closed")
    change = breached(company)
    text = sentences(auditor.open(DUTIES))
    assert "2 changes opened, 1 with a breach" in text
    assert "Lead both approved and implemented." in text
    (row,) = table(auditor, DUTIES)
    assert (row[0], row[5], row[6]) == (change.number, "Lead", "Lead")
    assert len(table(auditor, DUTIES, show="all")) == 2


def test_duties_report_without_a_breach_says_so(company: Company, auditor: Person) -> None:
    a_change(company, "closed")
    assert "On each of the 1 change" in sentences(auditor.open(DUTIES))
    empty = {"first": "2020-01-01", "last": "2020-12-31"}
    assert "No emergency change was opened" in sentences(auditor.open(DUTIES, **empty))


def test_duties_of_everybody_who_had_a_hand_in_it_count(company: Company, auditor: Person) -> None:
    """The history names a second implementer, whom the row does not."""
    change = Journey(company, a_draft(company)).submit().approve().start().change
    with protection.lifted([change.history.model]):
        change.history.filter(history_verb="start").update(history_user_id=company.lead.pk)
    assert "Lead both approved and implemented." in sentences(auditor.open(DUTIES))


# --- the controls -------------------------------------------------------------------------------
def test_controls_page_shows_rule_number_and_last_exception(
    company: Company, auditor: Person
) -> None:
    text = sentences(auditor.open(CONTROLS))
    assert "No exception of this kind" in text
    with clock.at(clock.now() - timedelta(days=3)):
        change = a_draft(company)
        raise_exception(change, "review_late", "A day late.")
    text = " ".join(sentences(auditor.open(CONTROLS)).split())
    for words in ("Nobody approves their own change.", "changes.guards.not_requester",
                  "approver_is_not_requester", "15 minutes", "24 hours", "since",
                  f"Retrospective review late, {change.number}", "1 exception in all"):  # fmt: skip
        assert words in text, words


# --- who ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("address", [REGISTER, DUTIES, CONTROLS])
def test_reports_only_show(company: Company, auditor: Person, address: str) -> None:
    before = counts()
    assert auditor.send(address, first="2026-01-01").status_code == 403
    assert counts() == before
    html = auditor.open("/admin/").content.decode()
    assert f'href="{address}"' in html
    assert f'href="{address}"' not in Person(company.engineer).open("/admin/").content.decode()
