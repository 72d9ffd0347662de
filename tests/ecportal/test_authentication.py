"""Who can sign in, and when an open session ends: dated, inactive and system accounts."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from ecportal import clock
from ecportal.accounts import roles
from ecportal.accounts.models import User
from tests.scenario import person

pytestmark = pytest.mark.once

FROM = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
UNTIL = datetime(2026, 11, 13, 17, 0, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
DATES = {"access_from": FROM, "access_until": UNTIL}


def signs_in(client: Client, username: str, moment: datetime) -> bool:
    """Send the sign-in form at that time and return whether a session came of it."""
    with clock.at(moment):
        client.post(reverse("admin:login"), {"username": username, "password": username})
        entered = is_let_in(client, moment)
    client.logout()
    return entered


def is_let_in(client: Client, moment: datetime) -> bool:
    with clock.at(moment):
        return client.get(reverse("admin:jsi18n")).status_code == 200


@pytest.mark.parametrize(
    ("dates", "moment", "allowed"),
    [
        (DATES, FROM - INSTANT, False),
        (DATES, FROM, True),
        (DATES, UNTIL - INSTANT, True),
        (DATES, UNTIL, False),
        (DATES, UNTIL + timedelta(days=365), False),
        ({"access_from": FROM}, FROM - INSTANT, False),
        ({"access_from": FROM}, UNTIL + timedelta(days=365), True),
        ({"access_until": UNTIL}, FROM - timedelta(days=365), True),
        ({"access_until": UNTIL}, UNTIL, False),
        ({}, FROM, True),
    ],
)
def test_account_signs_in_inside_its_dates_alone(
    db: None, client: Client, dates: dict[str, datetime], moment: datetime, allowed: bool
) -> None:
    person("visitor", roles.AUDITOR, **dates)
    assert signs_in(client, "visitor", moment) is allowed


def test_open_session_ends_with_the_accounts_dates(db: None, client: Client) -> None:
    person("visitor", roles.AUDITOR, **DATES)
    with clock.at(FROM):
        client.post(reverse("admin:login"), {"username": "visitor", "password": "visitor"})
    assert is_let_in(client, UNTIL - INSTANT)
    assert not is_let_in(client, UNTIL)


def test_open_session_ends_when_the_account_is_deactivated(db: None, client: Client) -> None:
    visitor = person("visitor", roles.AUDITOR)
    assert client.login(username="visitor", password="visitor")
    assert is_let_in(client, clock.now())
    visitor.is_active = False
    visitor.save()
    assert not is_let_in(client, clock.now())


def test_inactive_account_cannot_sign_in(db: None, client: Client) -> None:
    person("visitor", roles.AUDITOR, is_active=False)
    assert not signs_in(client, "visitor", FROM)


def test_superuser_is_bound_by_the_dates_too(db: None, client: Client) -> None:
    person("root", is_superuser=True, **DATES)
    assert signs_in(client, "root", FROM)
    assert not signs_in(client, "root", UNTIL)


def test_system_account_cannot_sign_in_even_with_a_password(db: None, client: Client) -> None:
    account = User.objects.system()
    assert not account.has_usable_password()
    account.set_password(account.username)
    account.save()
    assert not signs_in(client, account.username, FROM)
    client.force_login(account)
    assert not is_let_in(client, FROM)


def test_refusal_does_not_tell_a_wrong_password_from_an_account_out_of_its_dates(
    db: None, client: Client
) -> None:
    person("visitor", roles.AUDITOR, **DATES)
    with clock.at(UNTIL):
        answers = [
            client.post(reverse("admin:login"), {"username": "visitor", "password": password})
            for password in ("visitor", "wrong")
        ]
    right, wrong = (answer.context["form"].non_field_errors() for answer in answers)
    assert list(right) == list(wrong)
    assert right
