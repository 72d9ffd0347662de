"""Sign-ins, refused acts, roles and grants: who, from where, in which request."""

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from guardian.models import GroupObjectPermission, UserObjectPermission
from guardian.shortcuts import assign_perm, remove_perm

from changes.lifecycle import CHANGES
from ecportal.accounts import roles
from ecportal.audit import drift, sign_in
from ecportal.audit.models import AuditEvent
from ecportal.lifecycle import TransitionRefused
from tests.scenario import Company, Journey, a_draft, person

pytestmark = pytest.mark.django_db

ADDRESS = "192.0.2.44"


@pytest.fixture
def browser() -> Client:
    return Client(REMOTE_ADDR=ADDRESS)


class Told:
    """The events of some kinds since this was made, as their bodies."""

    def __init__(self, *kinds: str) -> None:
        self.kinds = kinds
        self.mark = AuditEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0

    def all(self) -> list[dict[str, Any]]:
        found = AuditEvent.objects.filter(pk__gt=self.mark, kind__in=self.kinds).order_by("pk")
        return [json.loads(str(event.body)) for event in found]

    def one(self) -> dict[str, Any]:
        (event,) = self.all()
        return event


SIGN_IN = ("login", "logout", "login_failed")


def try_to_sign_in(browser: Client, username: str, password: str) -> Any:
    address = reverse("admin:login")
    return browser.post(address, {"username": username, "password": password})


def test_sign_in_says_who_from_where_and_in_which_request(
    company: Company, browser: Client
) -> None:
    told = Told(*SIGN_IN)
    response = try_to_sign_in(browser, "engineer", "engineer")
    assert response.status_code == 302
    event = told.one()
    assert (event["kind"], event["fields"]) == ("login", {})
    assert event["ctx"] == {
        "user_id": company.engineer.pk, "username": "engineer", "ip": ADDRESS,
        "request_id": response["X-Request-ID"],
    }  # fmt: skip
    assert re.fullmatch("[0-9a-f]{32}", response["X-Request-ID"])


def test_sign_out(company: Company, browser: Client) -> None:
    browser.force_login(company.engineer)
    told = Told(*SIGN_IN)
    browser.post(reverse("admin:logout"))
    event = told.one()
    assert event["kind"] == "logout"
    assert (event["ctx"]["username"], event["ctx"]["ip"]) == ("engineer", ADDRESS)


def test_signing_out_twice_is_one_event(company: Company, browser: Client) -> None:
    browser.force_login(company.engineer)
    told = Told(*SIGN_IN)
    browser.post(reverse("admin:logout"))
    browser.post(reverse("admin:logout"))
    assert len(told.all()) == 1


def test_failed_sign_in_names_a_known_account(company: Company, browser: Client) -> None:
    told = Told(*SIGN_IN)
    response = try_to_sign_in(browser, "lead", "not-the-password")
    event = told.one()
    assert (event["kind"], event["fields"]) == ("login_failed", {"account": "lead"})
    assert event["ctx"]["ip"] == ADDRESS
    assert event["ctx"]["request_id"] == response["X-Request-ID"]
    assert "not-the-password" not in json.dumps(event)


def test_failed_sign_in_does_not_keep_a_name_that_nobody_has(
    company: Company, browser: Client
) -> None:
    """It may be a password, typed into the wrong field."""
    told = Told(*SIGN_IN)
    try_to_sign_in(browser, "Hunter2-my-password", "lead")
    event = told.one()
    assert event["fields"] == {"account": sign_in.UNKNOWN}
    stored = " ".join(str(body) for body in AuditEvent.objects.values_list("body", flat=True))
    assert "Hunter2" not in stored


def test_sign_in_of_somebody_whose_access_has_ended_is_a_failed_one(
    company: Company, browser: Client
) -> None:
    company.engineer.is_active = False
    company.engineer.save()
    told = Told(*SIGN_IN)
    try_to_sign_in(browser, "engineer", "engineer")
    assert told.one()["fields"] == {"account": "engineer"}


def test_page_that_is_not_for_somebody_is_a_denied_act(company: Company, browser: Client) -> None:
    browser.force_login(company.engineer)
    told = Told("denied")
    address = reverse("admin:accounts_user_add")
    response = browser.get(address)
    assert response.status_code == 403
    event = told.one()
    assert event["fields"]["what"] == f"GET {address}"
    assert event["fields"]["why"]
    assert event["ctx"] == {
        "user_id": company.engineer.pk, "username": "engineer", "ip": ADDRESS,
        "request_id": response["X-Request-ID"],
    }  # fmt: skip


def test_page_that_does_not_exist_is_no_denied_act(company: Company, browser: Client) -> None:
    browser.force_login(company.engineer)
    told = Told("denied")
    assert browser.get("/nowhere/").status_code == 404
    assert told.all() == []


def test_act_that_no_role_gives_is_denied_and_told(company: Company) -> None:
    change = a_draft(company)
    told = Told("denied", "history")
    with pytest.raises(TransitionRefused) as refused:
        CHANGES.perform(change, "submit", by=company.auditor, reason="Mine now.")
    event = told.one()
    assert event["kind"] == "denied"
    assert event["fields"] == {
        "what": f"submit changes.emergencychange:{change.pk}", "why": refused.value.sentence,
    }  # fmt: skip
    assert event["ctx"]["username"] == "auditor"
    assert event["ctx"]["user_id"] == company.auditor.pk


def test_act_that_a_guard_refuses_is_denied_and_told(company: Company) -> None:
    """The requester approves their own change: separation of duties."""
    both = person("both", roles.ENGINEER, roles.LEAD)
    change = a_draft(company)
    journey = Journey(company, change).do("submit", both)
    told = Told("denied")
    with pytest.raises(TransitionRefused) as refused:
        journey.approve(both)
    event = told.one()
    assert event["fields"]["what"] == f"approve changes.emergencychange:{change.pk}"
    assert event["fields"]["why"] == refused.value.sentence
    assert event["ctx"]["username"] == "both"


def test_a_form_that_is_not_filled_in_is_no_denied_act(company: Company) -> None:
    change = a_draft(company)
    told = Told("denied")
    with pytest.raises(TransitionRefused):
        CHANGES.perform(change, "submit", by=company.engineer, reason=" ")
    with pytest.raises(TransitionRefused):
        CHANGES.perform(change, "start", by=company.engineer, reason="Wrong status.")
    assert told.all() == []


def test_giving_a_role_on_the_page_is_a_membership_event(company: Company, browser: Client) -> None:
    browser.force_login(company.roleadmin)
    told = Told("membership")
    role = Group.objects.get(name=roles.LEAD)
    address = reverse("admin:accounts_user_act", args=[company.engineer2.pk, "assign_role"])
    response = browser.post(address, {"role": role.pk, "reason": "Stands in."})
    assert response.status_code == 302, response.content
    event = told.one()
    assert event["fields"]["owner"] == company.engineer2.pk
    assert event["fields"]["changed"] == str(role.pk)
    assert event["ctx"] == {
        "user_id": company.roleadmin.pk, "username": "roleadmin", "ip": ADDRESS,
        "request_id": response["X-Request-ID"],
    }  # fmt: skip


def test_history_rows_written_by_a_page_say_where_it_came_from(
    company: Company, browser: Client
) -> None:
    change = a_draft(company)
    browser.force_login(company.engineer)
    told = Told("history")
    address = reverse("admin:changes_emergencychange_act", args=[change.pk, "submit"])
    response = browser.post(address, {"reason": "Now."})
    assert response.status_code == 302, response.content
    found = [event for event in told.all() if "emergencychange" in event["source"]]
    assert found
    for event in found:
        assert event["ctx"]["ip"] == ADDRESS
        assert event["ctx"]["username"] == "engineer"
        assert event["ctx"]["request_id"] == response["X-Request-ID"]


# --- grants on one object -------------------------------------------------------------------------

VIEW = "changes.view_emergencychange"


@pytest.mark.parametrize(
    ("model", "source"),
    [
        (UserObjectPermission, "accounts.historicaluserobjectpermission"),
        (GroupObjectPermission, "accounts.historicalgroupobjectpermission"),
    ],
)
def test_grant_on_one_object_and_its_withdrawal_are_attested(
    company: Company, model: Any, source: str
) -> None:
    change = a_draft(company)
    to_whom = (
        company.engineer2
        if model is UserObjectPermission
        else Group.objects.get(name=roles.ENGINEER)
    )
    told = Told("history")
    grant = assign_perm(VIEW, to_whom, change)
    remove_perm(VIEW, to_whom, change)
    given, taken = told.all()
    assert (given["source"], taken["source"]) == (source, source)
    assert (given["fields"]["history_type"], taken["fields"]["history_type"]) == ("+", "-")
    for event in (given, taken):
        assert event["fields"]["object_pk"] == str(change.pk)
        assert event["fields"]["permission_id"] == grant.permission_id
        holder = "user_id" if model is UserObjectPermission else "group_id"
        assert event["fields"][holder] == to_whom.pk
    assert list(drift.drifts(model)) == []


def test_grants_around_the_history_are_drift(company: Company) -> None:
    """Guardian's bulk ways send no signal; the comparison of contents finds what they did."""
    change = a_draft(company)
    assign_perm(VIEW, company.engineer2, type(change)._base_manager.filter(pk=change.pk))
    (found,) = drift.drifts(UserObjectPermission)
    assert found[1] == [drift.GONE]


def test_withdrawal_of_a_whole_set_is_attested_too(company: Company) -> None:
    change = a_draft(company)
    assign_perm(VIEW, company.engineer2, change)
    told = Told("history")
    UserObjectPermission.objects.filter(user=company.engineer2).delete()
    assert told.one()["fields"]["history_type"] == "-"
    assert list(drift.drifts(UserObjectPermission)) == []


# --- the address behind a proxy -----------------------------------------------------------------


def test_forwarded_address_is_believed_only_behind_the_proxy(
    company: Company, browser: Client, settings: Any
) -> None:
    told = Told("login_failed")
    for behind in (False, True):
        settings.BEHIND_TLS_PROXY = behind
        browser.post(
            reverse("admin:login"), {"username": "lead", "password": "x"},
            HTTP_X_FORWARDED_FOR="10.0.0.1, 203.0.113.9",
        )  # fmt: skip
    assert [event["ctx"]["ip"] for event in told.all()] == [ADDRESS, "203.0.113.9"]
