"""Signing in and out, what a form without its token gets, and what a refusal says."""

import pytest
from django.test import Client

from ecportal import clock
from ecportal.accounts import roles
from ecportal.accounts.models import User
from tests.pages.walk import Person, sentences
from tests.pages.world import act, page
from tests.scenario import Company, a_change, a_draft, an_incident, person

pytestmark = pytest.mark.once


def test_sign_in_page_is_the_portals_own_and_moves_the_focus_nowhere(
    client: Client, db: None
) -> None:
    text = client.get("/admin/login/").content.decode()
    assert "Every sign-in, and every one that fails, is on the record." in text
    assert "autofocus" not in text
    assert "<nav" not in text
    assert 'autocomplete="current-password"' in text


def test_failed_sign_in_says_so_and_keeps_the_name(client: Client, company: Company) -> None:
    typed = {"username": "engineer", "password": "wrong", "next": "/admin/find/?q=x"}
    response = client.post("/admin/login/", typed)
    text = response.content.decode()
    assert response.status_code == 200
    assert 'role="alert"' in text
    assert "do not match an account that may sign in now" in text
    assert 'value="engineer"' in text
    assert 'name="next" value="/admin/find/?q=x"' in text
    assert "wrong" not in text


def test_signed_out_page_leads_back_and_shows_nothing_of_the_portal(company: Company) -> None:
    client = Person(company.lead).client
    response = client.post("/admin/logout/")
    text = sentences(response)
    assert response.status_code == 200
    assert "You are signed out" in text
    assert "Sign in again" in text
    assert "Emergency changes" not in text.replace("Emergency changes,", "")
    assert str(company.lead) not in text
    assert client.get("/admin/")["Location"].startswith("/admin/login/")


def test_page_of_a_form_without_its_token_keeps_the_navigation(company: Company) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(company.engineer)
    response = client.post(act(an_incident(company), "note"), {"reason": "Typed for long."})
    text = sentences(response)
    assert response.status_code == 403
    assert "This form is no longer valid" in text
    assert "copy what you typed" in text
    assert "Emergency changes" in text
    assert "style=" not in response.content.decode()


def test_page_of_a_form_without_its_token_is_there_for_strangers_too(db: None) -> None:
    response = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "x"})
    assert response.status_code == 403
    assert "This form is no longer valid" in sentences(response)


def test_refusal_says_what_why_and_who_can_and_leads_back(company: Company) -> None:
    change = a_change(company, "submitted")
    response = Person(company.engineer).open(act(change, "approve"), status=403)
    text = sentences(response)
    for words in ("You cannot approve", change.number, "Your role does not include “Approve”.",
                  "Who can", str(company.lead), str(company.lead2), "Engineering Lead",
                  f"Back to {change.number}", "This attempt is on the record."):  # fmt: skip
        assert words in text, words
    assert str(company.auditor) not in text
    assert f'href="{page(change)}"' in response.content.decode()


def test_refusal_names_nobody_who_may_not_sign_in(company: Company) -> None:
    change = a_change(company, "submitted")
    company.lead2.is_active = False
    company.lead2._change_reason = "Left."
    type(company.lead2)._base_manager.filter(pk=company.lead2.pk).update(is_active=False)
    text = sentences(Person(company.engineer).open(act(change, "approve"), status=403))
    assert str(company.lead) in text
    assert str(company.lead2) not in text


def test_refusal_names_who_can_also_where_those_who_joined_first_have_left(
    company: Company,
) -> None:
    address = act(a_draft(company), "approve")
    newest = [person(f"lead{number}", roles.LEAD) for number in range(3, 8)][-1]
    others = User.objects.filter(groups__name=roles.LEAD).exclude(pk=newest.pk)
    keys = list(others.values_list("pk", flat=True))
    User._base_manager.filter(pk__in=keys).update(access_until=clock.now())
    text = sentences(Person(company.engineer).open(address, status=403))
    assert str(newest) in text
    assert "Nobody has a role" not in text


def test_page_that_is_not_there_keeps_the_navigation_for_those_signed_in(company: Company) -> None:
    text = sentences(Person(company.engineer).open("/admin/nowhere/", status=404))
    assert "Not found" in text
    assert "Incidents" in text
    assert "Incidents" not in sentences(Client().get("/nowhere/"))


def test_changed_password_is_confirmed(company: Company) -> None:
    person = Person(company.engineer)
    new = "a-long-enough-secret"
    answers = {"old_password": "engineer", "new_password1": new, "new_password2": new}
    response = person.client.post("/admin/password_change/", answers, follow=True)
    assert "Your new password is in force" in sentences(response)
