"""Whatever is typed into a form: a refusal with a sentence or a harmless record, no error page."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.db import transaction
from django.test import Client

from changes.forms import DeclareForm
from ecportal.accounts.models import User
from ecportal.admin import LifecycleAdmin
from ecportal.forms import PlainAct
from tests.changes.test_transition_matrix import MATRIX, a_change_for, doer
from tests.pages.conftest import SignIn
from tests.pages.odd import ordinary, variants
from tests.pages.walk import declare_page
from tests.pages.world import World, act, counts, listing
from tests.scenario import Company, an_incident

pytestmark = [pytest.mark.once, pytest.mark.slow]

# Who does the acts of each model; `changes.EmergencyChange` has a table of its own.
DOERS = {
    "incidents.Incident": "E",
    "incidents.System": "L",
    "changes.Delegation": "L",
    "changes.Policy": "L",
    "reviews.RetrospectiveReview": "L",
    "reviews.FollowUpAction": "L",
    "reviews.ControlException": "L",
    "reviews.EscalationRung": "L",
    "reviews.CompanyHoliday": "L",
    "reviews.Population": "A",
    "reviews.Sample": "A",
    "reviews.SampleItem": "A",
    "accounts.User": "R",
}


def send_all(client: Client, address: str, form: Any) -> list[str]:
    """Send every odd variant, undo what it did, and return those that were answered wrongly."""
    wrong, before = [], counts()
    for name, answers in variants(form):
        with transaction.atomic():
            response = client.post(address, answers)
            status = response.status_code
            if status == 422:
                told = re.search(rb'class="error(note|list)"', response.content)
                ok = bool(told) and counts() == before
            elif status == 302:
                shown = client.get(response["Location"])
                ok = shown.status_code == 200 and b"<script>alert" not in shown.content
            else:
                ok = False
            transaction.set_rollback(True)
        if not ok:
            wrong.append(f"{address} {name}: {status}")
    return wrong


def forms_of(model_admin: LifecycleAdmin, record: Any, user: User) -> Iterator[tuple[str, Any]]:
    """Yield each verb that the person may do with the record, with its form."""
    for verb, row in model_admin.lifecycle.verbs.items():
        form = model_admin.act_forms.get(verb, PlainAct)
        if row.internal or not model_admin.lifecycle.permitted(record, verb, user):
            continue
        if row.sources:
            yield act(record, verb), form(record=record, user=user)
        elif verb == model_admin.creation:
            new = type(record)()
            yield listing(record, "add"), form(record=new, user=user)


@pytest.mark.parametrize("label", sorted(DOERS))
def test_no_odd_value_breaks_a_form(world: World, signed_in: SignIn, label: str) -> None:
    record, letters = world.records[label], DOERS[label]
    if label == "incidents.System":
        letters = "LR"
    wrong = []
    for letter in letters:
        user = world.people[letter]
        client = signed_in(user)
        for address, form in forms_of(admin.site._registry[type(record)], record, user):
            wrong += send_all(client, address, form)
    assert not wrong, "\n".join(wrong)


VERBS = [verb for verb in MATRIX if verb not in ("open", "close")]


@pytest.mark.parametrize("part", [0, 1, 2])
def test_no_odd_value_breaks_a_form_about_a_change(
    company: Company, signed_in: SignIn, part: int
) -> None:
    wrong = []
    for verb in VERBS[part::3]:
        with transaction.atomic():
            status = next(status for status, cell in MATRIX[verb].items() if cell != ".")
            change, user = a_change_for(company, verb, status), doer(company, verb)
            form_class = admin.site._registry[type(change)].act_forms.get(verb, PlainAct)
            form = form_class(record=change, user=user)
            wrong += send_all(signed_in(user), act(change, verb), form)
            transaction.set_rollback(True)
    assert not wrong, "\n".join(wrong)


def test_no_odd_value_breaks_the_page_that_declares(company: Company, signed_in: SignIn) -> None:
    wrong = []
    for route in ("ask", "claim"):
        incident = an_incident(company)
        form = DeclareForm(incident=incident, user=company.engineer)
        form.fields["route"].choices = [(route, route)]
        client = signed_in(company.engineer)
        assert client.post(declare_page(incident), ordinary(form)).status_code == 302
        wrong += send_all(client, declare_page(incident), form)
    assert not wrong, "\n".join(wrong)


def test_bytes_that_are_no_text_break_nothing(company: Company, signed_in: SignIn) -> None:
    incident = an_incident(company)
    client = signed_in(company.engineer)
    kind = "application/x-www-form-urlencoded"
    for body in (
        b"reason=%ff%fe",
        b"reason=%ED%A0%80",
        b"reason=\xff",
        b"%=%&&&==",
        b"a" * 100_000,
    ):
        response = client.post(act(incident, "note"), body, content_type=kind)
        assert response.status_code in (302, 400, 422), body[:20]
    many = "&".join(f"f{number}=1" for number in range(1100)).encode()
    assert client.post(act(incident, "note"), many, content_type=kind).status_code == 400
    large = b"reason=" + b"x" * (2 * 1024 * 1024 + 1)
    assert client.post(act(incident, "note"), large, content_type=kind).status_code in (400, 413)
    for kind in ("application/json", "multipart/form-data", "multipart/form-data; boundary=x"):
        response = client.post(act(incident, "note"), b"{", content_type=kind)
        assert response.status_code in (400, 422), kind
