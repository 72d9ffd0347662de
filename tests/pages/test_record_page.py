"""What a change's page says to whom: steps, next step, debts, acts, evidence, duties."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from changes.models import EmergencyChange, EvidenceRead
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.audit import sealer
from reviews.sweep import sweep
from tests.pages.walk import Person
from tests.pages.world import act, page
from tests.scenario import Company, Journey, a_change, a_draft

NOON = datetime(2026, 11, 18, 11, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 30


def html_of(user: User, change: EmergencyChange, **query: Any) -> str:
    return unescape(Person(user).open(page(change), **query).content.decode())


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def part(html: str, beginning: str) -> str:
    """Return the words of the section that holds this title."""
    found = [s for s in re.findall(r"<section.*?</section>", html, re.S) if beginning in words(s)]
    return words(found[0])


def seen(user: User, change: EmergencyChange, title: str, **query: Any) -> str:
    return part(html_of(user, change, **query), title)


# --- the steps ----------------------------------------------------------------------------------
def test_steps_read_as_sentences_without_any_style(company: Company) -> None:
    with clock.at(NOON):
        change = a_change(company, "submitted")
        html = html_of(company.engineer, change)
    text = part(html, "The seven steps")
    assert "1 Determine , done 12:00 Engineer Service outage, SEV-1" in text
    assert "+0 min after the step before, 2 Open , done" in text
    assert "3 Approve , now due 12:15 Lead Waiting for a decision" in text
    assert text.endswith("7 Review , to come After step 6")
    assert html.count('aria-current="step"') == 1


# --- the next step ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "who", "heading", "why"),
    [
        ("draft", "engineer", "ask for approval", "its text is frozen, and a Lead decides."),
        ("submitted", "lead", "read and decide", "Engineer asks for a decision on it."),
        ("rejected", "engineer", "work on it again", "It was sent back"),
        ("approved", "engineer", "start implementing", "Say when the work begins."),
        ("implementing", "engineer", "finish implementing", "Say how it went"),
        ("verified", "engineer", "attach evidence", "Nothing proves the work yet."),
        ("documented", "lead2", "hold the review", "Was it a genuine emergency"),
    ],
)
def test_one_step_is_next_and_says_why(
    company: Company, status: str, who: str, heading: str, why: str
) -> None:
    change = a_change(company, status)
    html = html_of(getattr(company, who), change)
    text = part(html, "Your next step")
    assert text.startswith(f"Your next step: {heading} ")
    assert why in text
    assert html.count("btn-primary") == 1


def test_step_that_is_locked_says_why_under_its_button(company: Company) -> None:
    with clock.at(NOON):
        change = a_change(company, "implemented")
        html = html_of(company.engineer, change)
    assert re.search(
        r'<button class="btn" type="button" disabled aria-describedby="why-next">Verify stability'
        r'</button><p class="why" id="why-next"><svg.*?#lock.*?</svg>The observation window',
        html,
    )


def test_locked_step_stands_below_the_one_that_opens_it(company: Company) -> None:
    text = seen(company.engineer, a_change(company, "verified"), "Your next step")
    assert "Attach evidence Document and send to review Attach at least one piece" in text


def test_no_act_is_lost_among_the_others(company: Company) -> None:
    change = a_change(company, "implementing")
    html = html_of(company.engineer, change)
    offered = set(re.findall(rf'href="{page(change, "act", "x")[:-2]}(\w+)/', html))
    assert {"finish", "log_execution", "record_deviation", "correct", "attach_evidence"} <= offered


def test_whoever_has_nothing_to_do_reads_so(company: Company) -> None:
    change = a_change(company, "submitted")
    text = seen(company.auditor, change, "Nothing for you to do here")
    assert text == "Nothing for you to do here"
    closed = seen(company.auditor, a_change(company, "closed"), "Nothing for you to do here")
    assert closed == "Nothing for you to do here It is over."


def test_lead_named_in_a_claim_reads_who_says_what(company: Company) -> None:
    with clock.at(NOON):
        change = Journey(company, a_change(company, "submitted")).claim().change
        text = seen(company.lead, change, "Your next step")
    assert "Engineer says that Lead approved at 12:00, phone." in text


# --- waiting for --------------------------------------------------------------------------------
def test_debt_says_when_it_was_reminded_of_and_where_it_goes_next(company: Company) -> None:
    with clock.at(NOON):
        change = Journey(company, a_change(company, "submitted")).claim().change
    for hours in (0, 8, 11):
        with clock.at(NOON + timedelta(hours=hours)):
            sweep()
    with clock.at(NOON + timedelta(hours=11, minutes=30)):
        text = seen(company.engineer, change, "Waiting for")
    assert "Lead to confirm or deny the verbal approval" in text
    assert "Reminded 3 times, last 23:00." in text
    assert "Goes to all Leads of the systems at Thu 19 Nov 00:00." in text


def test_owner_of_the_documents_reads_how_often_they_were_reminded(company: Company) -> None:
    with clock.at(NOON):
        change = a_change(company, "implemented")
        sweep()
        assert "Next reminder Thu 19 Nov 08:00." in seen(company.lead, change, "Waiting for")
    with clock.at(NOON + timedelta(hours=21)):
        sweep()
        text = seen(company.lead, change, "Waiting for")
    assert "Engineer to document Since Wed 18 Nov 12:00. Reminded once, 09:00." in text


def test_change_without_debts_waits_for_nobody(company: Company) -> None:
    text = seen(company.engineer, a_change(company, "closed"), "Waiting for")
    assert text == "Waiting for Nobody. Everything is in."


# --- what happened ------------------------------------------------------------------------------
def test_acts_are_told_in_words_that_name_their_object(company: Company) -> None:
    change = a_change(company, "closed")
    text = seen(company.engineer, change, "What happened")
    for told in ("Engineer recorded INC-", "Engineer determined an emergency, service outage",
                 f"Engineer opened {change.number} Systems: checkout",
                 "Engineer asked a Lead for approval", "Lead approved it",
                 "Engineer documented it and sent it to review",
                 "Lead2 reviewed and closed it"):  # fmt: skip
        assert told in text, told
    assert "claimed approval" not in text


def test_order_of_acts_follows_the_clock_that_is_asked_for(company: Company) -> None:
    with clock.at(NOON):
        journey = Journey(company, a_change(company, "implementing"))
        journey.do("log_execution", company.engineer, "First line.", source="log")
    with clock.at(NOON + 200 * MINUTE):
        journey.do("log_execution", company.engineer, "Forgotten line.", source="log",
                   happened_at=NOON - MINUTE)  # fmt: skip
        by_happened = seen(company.engineer, journey.change, "What happened")
        by_recorded = seen(company.engineer, journey.change, "What happened", order="recorded")
        odd = seen(company.engineer, journey.change, "What happened", order="<b>")
    assert by_happened.index("Forgotten line.") < by_happened.index("First line.")
    assert by_recorded.index("First line.") < by_recorded.index("Forgotten line.")
    assert odd == by_happened
    assert "Written down 3 h 21 min later" in by_happened
    assert "Happened at 11:59 , recorded by the server +3 h 21 min later, at 15:20:00" in (
        by_happened
    )


def test_small_acts_are_left_to_the_history_and_counted(company: Company) -> None:
    change = a_draft(company)
    Journey(company, change).do("revise", company.engineer, "A typo.", title="Better")
    html = html_of(company.engineer, change)
    text = part(html, "What happened")
    assert "A typo." not in text
    assert "1 smaller act is in the full history" in text
    assert f'href="{page(change, "history")}"' in html


def test_run_of_attachments_by_one_hand_is_one_line(company: Company) -> None:
    change = a_change(company, "implementing")
    for number in range(3):
        Journey(company, change).do(
            "attach_evidence", company.engineer, f"File {number}", kind="other",
            description=f"File {number}", link="https://example.test/",
        )  # fmt: skip
    text = seen(company.engineer, change, "What happened")
    assert "Engineer attached evidence, 3 pieces File 0 File 1 File 2" in text


@pytest.mark.usefixtures("log_key")
def test_number_of_an_act_leads_those_who_read_the_trail_to_its_event(company: Company) -> None:
    change = a_draft(company)
    sealer.seal()
    link = r'<a href="/admin/audit/auditevent/\d+/change/">#\d+</a>'
    assert re.search(link, html_of(company.auditor, change))
    assert not re.search(link, html_of(company.engineer, change))
    assert re.search(r"#\d+", seen(company.engineer, change, "What happened"))


# --- evidence -----------------------------------------------------------------------------------
@pytest.fixture
def picture(company: Company) -> EmergencyChange:
    change = a_change(company, "implementing")
    file = SimpleUploadedFile("graph.png", PNG, "image/png")
    Person(company.engineer).do(
        change, "attach_evidence", file=file, kind="verification", description="Errors"
    )
    return change


def test_small_picture_is_previewed_and_seen_once_a_day(
    company: Company, picture: EmergencyChange
) -> None:
    auditor, evidence = Person(company.auditor), picture.evidence.get()
    address = page(picture, "evidence_preview", evidence.pk)
    html = html_of(company.auditor, picture)
    assert f'<img src="{address}" alt="" loading="lazy">' in html
    assert not EvidenceRead.objects.exists()
    for _ in range(2):
        shown: Any = auditor.open(address)
        assert b"".join(shown.streaming_content) == PNG
    assert "sandbox" in shown["Content-Security-Policy"]
    assert EvidenceRead.objects.get().reader == company.auditor
    with clock.at(clock.now() + timedelta(days=1)):
        auditor.open(address)
    assert EvidenceRead.objects.count() == 2


def test_card_says_who_what_when_and_the_short_hash(
    company: Company, picture: EmergencyChange
) -> None:
    evidence = picture.evidence.get()
    text = seen(company.engineer, picture, "Hashed on arrival")
    assert "Errors Verification Engineer Taken" in text
    assert f"sha256 {evidence.sha256[:6]}…{evidence.sha256[-2:]}" in text
    assert "38 bytes, PNG image, download" in text


def test_file_that_is_not_what_its_name_says_lacks_something(company: Company) -> None:
    change = a_change(company, "implementing")
    file = SimpleUploadedFile("graph.png", b"<svg/>", "image/png")
    Person(company.engineer).do(
        change, "attach_evidence", file=file, kind="verification", description="Errors"
    )
    evidence = change.evidence.get()
    html = html_of(company.engineer, change)
    assert "Named like PNG image, but it is SVG" in words(html)
    assert f'{act(change, "supersede_evidence")}?supersedes={evidence.pk}"' in html
    assert "preview/" not in html
    Person(company.engineer).open(page(change, "evidence_preview", evidence.pk), 404)


def test_missing_execution_log_has_a_card_with_the_button_that_mends_it(company: Company) -> None:
    journey = Journey(company, a_change(company, "implementing"))
    journey.finish(source="hand")
    text = seen(company.engineer, journey.change, "Hashed on arrival")
    assert "Execution log Missing" in text
    assert "Add execution log" in text
    journey.do("log_execution", company.engineer, "Done.", source="log")
    assert "Missing" not in seen(company.engineer, journey.change, "Hashed on arrival")


# --- the record, and who did what ---------------------------------------------------------------
def test_correction_stands_beside_what_it_corrects(company: Company) -> None:
    change = a_change(company, "approved")
    Journey(company, change).do("correct", company.engineer, "All 12 nodes.", part="scope")
    text = seen(company.engineer, change, "The record")
    assert "Frozen" in text
    assert re.search(r"on all nodes\. Corrected after the approval .* All 12 nodes\. Engineer Why "
                     r"it could not wait", text)  # fmt: skip


def test_draft_is_not_frozen(company: Company) -> None:
    assert "Frozen" not in seen(company.engineer, a_draft(company), "The record")


def test_duties_have_a_row_each_and_words_for_every_mark(company: Company) -> None:
    change = Journey(company, a_change(company, "submitted")).claim().start().change
    text = seen(company.engineer, change, "Who did what")
    assert "No conflict" in text
    assert "Request Engineer did it Approve Lead not confirmed Implement Engineer did it" in text
    assert "The approver is neither requester nor implementer" in text
    assert "The reviewer is neither requester nor implementer: not decided yet" in text


def test_refused_change_says_of_nobody_that_they_owe_something(company: Company) -> None:
    journey = Journey(company, a_change(company, "submitted"))
    seen_text = journey.change.fingerprint()
    journey.do("reject", company.lead, rejection="refused", fingerprint=seen_text)
    assert "owes it" not in seen(company.engineer, journey.change, "Evidence an auditor")


@pytest.mark.usefixtures("log_key")
def test_paper_says_when_by_whom_and_the_newest_sealed_event(company: Company) -> None:
    change = a_draft(company)
    assert "none of its events is sealed yet" in words(html_of(company.engineer, change))
    sealer.seal()
    text = words(html_of(company.engineer, change))
    assert re.search(r"Printed \w+ \d+ \w+ \d{4} [\d:]{8} \w+ by Engineer\. The record in ecportal "
                     r"is the original; its newest sealed event is #\d+\.", text)  # fmt: skip


# --- the history --------------------------------------------------------------------------------
def test_history_tells_auditors_alone_where_an_act_came_from(company: Company) -> None:
    change = a_draft(company)
    engineer = Person(company.engineer)
    engineer.client.defaults["REMOTE_ADDR"] = "203.0.113.7"
    engineer.do(change, "revise", title="Better", scope="x", risk="low", rollback_plan="y",
                systems=[company.system.pk])  # fmt: skip
    told = [words(Person(user).open(page(change, "history")).content.decode())
            for user in (company.auditor, company.engineer)]  # fmt: skip
    assert "From 203.0.113.7, request " in told[0]
    assert "203.0.113.7" not in told[1]
