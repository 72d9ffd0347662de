"""Changing one's own password is an act with an actor, and the password itself is in no history."""

import pytest
from django.test import Client

from ecportal.accounts.models import User
from tests.scenario import Company

pytestmark = pytest.mark.once


def test_own_password_is_changed_under_ones_own_name(client: Client, company: Company) -> None:
    client.force_login(
        company.engineer, backend="ecportal.accounts.authentication.DatedAccountBackend"
    )
    posted = {
        "old_password": "engineer",
        "new_password1": "a-long-enough-secret",
        "new_password2": "a-long-enough-secret",
    }
    answer = client.post("/admin/password_change/", posted)
    assert answer.status_code == 302, answer.content
    person = User.objects.get(pk=company.engineer.pk)
    assert person.check_password("a-long-enough-secret")
    newest = person.history.first()
    assert newest.history_verb == "change_password"
    assert newest.history_user_id == person.pk
    assert not hasattr(newest, "password")


def test_wrong_old_password_changes_nothing(client: Client, company: Company) -> None:
    client.force_login(
        company.engineer, backend="ecportal.accounts.authentication.DatedAccountBackend"
    )
    posted = {"old_password": "x", "new_password1": "n3w-secret-x", "new_password2": "n3w-secret-x"}
    answer = client.post("/admin/password_change/", posted)
    assert answer.status_code == 200
    assert User.objects.get(pk=company.engineer.pk).check_password("engineer")
