"""The history of a record: each act with what it changed."""

import re
import time
from typing import Any

import pytest
from django.test import Client

from changes.lifecycle import CHANGES
from changes.models import EmergencyChange
from ecportal.accounts.models import User
from ecportal.audit import sealer
from tests.pages.odd import STRANGE
from tests.pages.trail.reading import markup, shown
from tests.pages.world import page
from tests.scenario import Company, a_draft

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("log_key")]


def revise(change: EmergencyChange, by: User, **values: Any) -> None:
    CHANGES.perform(change, "revise", by=by, reason="Said better.", **values)


def test_history_tells_each_act_with_old_and_new_and_its_seal(
    company: Company, engineer: Client
) -> None:
    change = a_draft(company, title="Old title")
    sealer.seal()
    revise(change, company.engineer, title="New title", risk="high")
    html = markup(engineer.get(page(change, "history")))
    assert '<del dir="auto">Old title</del>' in html
    assert '<ins dir="auto">New title</ins>' in html
    text = shown(engineer, page(change, "history"))
    assert "Engineer changed the text Said better. Title Was: Old title Now: New title" in text
    assert "Risk Was: Medium Now: High" in text
    assert "Not sealed yet" in text
    assert re.search(r"Engineer opened EC-\S+ \(Systems: checkout\).*Title Now: Old title.*"
                     r"Sealed, #\d+", text)  # fmt: skip


def test_history_shows_a_long_text_word_by_word(company: Company, engineer: Client) -> None:
    words = [f"word{number}" for number in range(1_200)]
    change = a_draft(company, scope=" ".join(words))
    words[600] = "other"
    revise(change, company.engineer, scope=" ".join(words))
    html = markup(engineer.get(page(change, "history")))
    assert "<del>word600 </del><ins>other </ins>" in html
    assert "<summary>580 unchanged words</summary>" in html


def test_history_escapes_what_was_typed(company: Company, engineer: Client) -> None:
    change = a_draft(company, title="<b>old</b>", scope="<i>a</i> " * 20)
    revise(change, company.engineer, title=f"<img src=x> {STRANGE}"[:200], scope="<u>b</u> " * 20)
    html = markup(engineer.get(page(change, "history")))
    for tag in ("<b>", "<i>", "<u>", "<img", "<script"):
        assert tag not in html
    assert "&lt;b&gt;old&lt;/b&gt;" in html
    assert "[U+202E] שלום عربى" in html
    assert "🔥" in html


def test_history_keeps_the_lines_of_a_text(company: Company, engineer: Client) -> None:
    change = a_draft(company, scope="First\nsecond\n\nthird")
    revise(change, company.engineer, scope="First\nsecond 👩‍🔧\n\nשלום")
    html = markup(engineer.get(page(change, "history")))
    assert (
        '<dd class="long" dir="auto">First\n<del>second</del><ins>second 👩‍🔧</ins>\n\n<del>third'
        in html
    )


def test_history_of_ten_thousand_characters_rewritten_fifty_times_is_no_wait(
    company: Company, engineer: Client
) -> None:
    change = a_draft(company)
    for turn in range(50):
        text = " ".join(f"{turn}w{number}" for number in range(1_300))
        revise(change, company.engineer, scope=text[:10_000])
    began = time.perf_counter()
    assert engineer.get(page(change, "history")).status_code == 200
    assert time.perf_counter() - began < 20


def test_long_history_has_pages(company: Company, engineer: Client) -> None:
    change = a_draft(company)
    for number in range(51):
        revise(change, company.engineer, title=f"Title {number}")
    text = shown(engineer, page(change, "history"))
    assert "Acts 1 to 50 of 52 Older acts" in text
    second = shown(engineer, f"{page(change, 'history')}?page=2")
    assert "Newer acts Acts 51 to 52 of 52" in second
    assert "opened" in second
