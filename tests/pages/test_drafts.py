"""What was typed outlives the session in which it was typed, for the same person alone."""

import re
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from changes.models import EmergencyChange
from ecportal import drafts
from ecportal.accounts.models import User
from incidents.models import Incident
from tests.pages.walk import ANSWERS, declare_page, sentences
from tests.pages.world import act
from tests.scenario import Company, a_change, an_incident

pytestmark = pytest.mark.once
SIGN_IN = "/admin/login/"
OURS = {"Origin": "http://testserver"}


@pytest.fixture
def incident(company: Company) -> Incident:
    return an_incident(company)


def carried(response: HttpResponse) -> str:
    """Return what the sign-in page carries."""
    found = re.search(r'name="draft" value="([^"]*)" form="login-form"', response.content.decode())
    assert found, sentences(response)
    return unescape(found[1])


def sign_in(client: Client, user: User, address: str, draft: str, **how: Any) -> Any:
    answers = {"username": user.username, "password": user.username, "next": address}
    return client.post(SIGN_IN, {**answers, "draft": draft}, follow=True, **how)


def typed_by(user: User, **answers: Any) -> dict[str, Any]:
    return {**ANSWERS, "draft_of": user.pk, **answers}


def test_form_that_was_sent_without_a_session_comes_back_filled_in(
    company: Company, incident: Incident
) -> None:
    client, address = Client(), declare_page(incident)
    asked = client.post(address, typed_by(company.engineer, scope="Roll <b>back</b> & ☎"))
    assert asked.status_code == 200
    assert "Your session has ended. Sign in" in sentences(asked)
    assert "no-store" in asked["Cache-Control"]
    back = sign_in(client, company.engineer, address, carried(asked))
    assert back.redirect_chain == [(address, 302)]
    assert drafts.LOST in sentences(back)
    html = back.content.decode()
    assert "Roll &lt;b&gt;back&lt;/b&gt; &amp; ☎" in html
    assert re.search(r'name="criterion" value="outage"[^>]* checked', html)
    assert not EmergencyChange.objects.exists()
    assert "Roll &lt;b&gt;" not in client.get(address).content.decode()
    assert client.post(address, typed_by(company.engineer)).status_code == 302
    assert EmergencyChange.objects.count() == 1


def test_wrong_password_in_between_loses_nothing(company: Company, incident: Incident) -> None:
    client, address = Client(), declare_page(incident)
    asked = client.post(address, typed_by(company.engineer, scope="All nodes."))
    wrong = client.post(SIGN_IN, {"username": "engineer", "password": "x", "next": address,
                                  "draft": carried(asked)})  # fmt: skip
    assert (
        "All nodes." in sign_in(client, company.engineer, address, carried(wrong)).content.decode()
    )


def test_somebody_else_who_signs_in_does_not_get_it(company: Company, incident: Incident) -> None:
    client, address = Client(), declare_page(incident)
    asked = client.post(address, typed_by(company.engineer, scope="Secret."))
    back = sign_in(client, company.engineer2, address, carried(asked))
    assert drafts.OTHER in sentences(back)
    assert "Secret." not in back.content.decode()


def test_passwords_and_files_are_never_carried(company: Company) -> None:
    change = a_change(company, "implementing")
    client, address = Client(), act(change, "attach_evidence")
    upload = SimpleUploadedFile("a.log", b"done", "text/plain")
    answers = {"draft_of": company.engineer.pk, "description": "The log", "file": upload,
               "new_password": "hunter2"}  # fmt: skip
    draft = carried(client.post(address, answers))
    packed = drafts.signing.loads(draft, salt=drafts.SALT)
    assert "hunter2" not in packed["typed"]
    back = sign_in(client, company.engineer, address, draft)
    assert "Choose the file again" in sentences(back)
    assert "The log" in back.content.decode()


def test_fingerprint_of_a_decision_is_that_of_what_is_shown_now(company: Company) -> None:
    change = a_change(company, "submitted")
    client, address = Client(), act(change, "approve")
    answers = {"draft_of": company.lead.pk, "reason": "Yes.", "fingerprint": "0" * 64}
    back = sign_in(client, company.lead, address, carried(client.post(address, answers)))
    html = back.content.decode()
    assert f'name="fingerprint" value="{change.fingerprint()}"' in html
    assert "Yes." in html
    change.refresh_from_db()
    assert change.status == "submitted"


def test_numbers_typed_for_a_pack_come_back(company: Company) -> None:
    client, address = Client(), "/admin/reviews/evidencepack/request/"
    answers = {"draft_of": company.auditor.pk, "numbers": "EC-2026-0815"}
    back = sign_in(client, company.auditor, address, carried(client.post(address, answers)))
    assert "EC-2026-0815" in back.content.decode()


@pytest.mark.parametrize("draft", ["", "x", "x:y:z", "\0"])
def test_what_nobody_signed_is_not_filled_in(
    company: Company, incident: Incident, draft: str
) -> None:
    back = sign_in(Client(), company.engineer, declare_page(incident), draft)
    assert back.status_code == 200
    assert "filled in again" not in sentences(back)


def test_too_much_is_not_carried_and_the_page_says_so(
    company: Company, incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "MOST_CHARACTERS", 100)
    asked = Client().post(declare_page(incident), typed_by(company.engineer))
    assert "too long to be carried over" in sentences(asked)
    assert 'name="draft"' not in asked.content.decode()


def test_other_forms_ask_to_sign_in_as_ever(company: Company, incident: Incident) -> None:
    response = Client().post(declare_page(incident), ANSWERS)
    assert response.status_code == 302
    assert response["Location"].startswith(SIGN_IN)


def test_form_with_an_old_token_comes_back_filled_in(company: Company, incident: Incident) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(company.engineer)
    answers = typed_by(company.engineer, scope="All nodes.")
    back = client.post(declare_page(incident), answers, headers=OURS, follow=True)
    assert back.redirect_chain == [(declare_page(incident), 302)]
    assert "All nodes." in back.content.decode()
    assert not EmergencyChange.objects.exists()


def test_form_with_an_old_token_comes_back_however_long_it_is(
    company: Company, incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "MOST_CHARACTERS", 100)
    client = Client(enforce_csrf_checks=True)
    client.force_login(company.engineer)
    answers = typed_by(company.engineer, scope="All nodes.")
    back = client.post(declare_page(incident), answers, headers=OURS, follow=True)
    assert "All nodes." in back.content.decode()


@pytest.mark.parametrize("origin", ["https://evil.example.test", "null", "https://testserver"])
def test_form_that_another_site_sent_is_not_filled_in(
    company: Company, incident: Incident, origin: str
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(company.engineer)
    address, answers = declare_page(incident), typed_by(company.engineer, scope="Evil.")
    response = client.post(address, answers, headers={"Origin": origin})
    assert response.status_code == 403
    assert "Evil." not in client.get(address).content.decode()


def test_tab_is_told_which_form_arrived(company: Company, incident: Incident) -> None:
    client = Client()
    client.force_login(company.engineer)
    address = declare_page(incident)
    response = client.post(address, typed_by(company.engineer))
    assert response.cookies[drafts.DONE].value == address.replace("/", "%2F")
    page = client.get(response["Location"]).content.decode()
    assert "drafts.js" in page
    client.cookies.pop(drafts.DONE)
    assert "drafts.js" not in client.get(response["Location"]).content.decode()


def test_signing_out_clears_the_tab(company: Company) -> None:
    client = Client()
    client.force_login(company.engineer)
    assert re.search(r"drafts\.js[^>]* data-over", client.post("/admin/logout/").content.decode())


def test_confidential_change_is_not_kept_in_the_tab(company: Company) -> None:
    client = Client()
    client.force_login(company.lead)
    for confidential in (True, False):
        change = a_change(company, "submitted", confidential=confidential)
        html = client.get(act(change, "reject")).content.decode()
        assert ("data-private" in html) is confidential
