"""Tokens of service accounts: known by their digest, good until a day, taken away by an act."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from changes.models import Deployment
from ecportal import clock
from ecportal.accounts.lifecycle import LIFECYCLE, TOKENS
from ecportal.accounts.models import ApiToken, User
from ecportal.accounts.tokens import CannotIssue, account_behind, issue
from tests.changes.around_the_door import assert_refused_by
from tests.changes.refusals import assert_refused
from tests.scenario import Company, person

pytestmark = pytest.mark.once


def a_token(**values: Any) -> str:
    asked = {"name": "ci", "scopes": ["deployments:write"], "days": 30, "why": "For the pipeline."}
    return issue(**{**asked, **values})


def test_token_leads_to_its_account_with_its_scopes(db: None) -> None:
    account = account_behind(a_token())
    assert account is not None
    assert (account.username, account.is_service) == ("ci", True)
    assert account.token_verbs == {
        "changes.record_deployment", "changes.advance_deployment", "changes.attach_deployment",
    }  # fmt: skip


def test_token_itself_is_stored_nowhere(db: None) -> None:
    token = a_token()
    row = ApiToken.objects.get()
    assert token.startswith(f"{row.prefix}_")
    stored = [str(value) for model in (ApiToken.objects, ApiToken.history)
              for values in model.values_list() for value in values]  # fmt: skip
    secret = token.removeprefix(row.prefix)
    assert not any(secret in value for value in stored)
    assert len(row.digest) == 64


def test_two_tokens_are_one_account_and_two_secrets(db: None) -> None:
    first, second = a_token(), a_token(scopes=["changes:read"])
    assert first != second
    assert User.objects.filter(is_service=True).count() == 1
    assert ApiToken.objects.count() == 2


def shortened(token: str) -> str:
    return token[:-1]


def of_another_prefix(token: str) -> str:
    return "ecp_00000000" + token[12:]


def with_another_secret(token: str) -> str:
    return token[:13] + "A" * 43


def shouted(token: str) -> str:
    return token.upper()


@pytest.mark.parametrize("spoil", [shortened, of_another_prefix, with_another_secret, shouted])
def test_token_that_differs_is_unknown(db: None, spoil: Any) -> None:
    assert account_behind(spoil(a_token())) is None


@pytest.mark.parametrize("text", ["", "ecp_", "é" * 56, "x" * 10_000, "\0", "\udcff"])
def test_what_is_no_token_is_unknown(db: None, text: str) -> None:
    assert account_behind(text) is None


def test_expired_token_is_unknown(db: None) -> None:
    token = a_token(days=1)
    expires = ApiToken.objects.get().expires_at
    with clock.at(expires - timedelta(seconds=1)):
        assert account_behind(token)
    with clock.at(expires):
        assert account_behind(token) is None
        assert ApiToken.objects.get().status_words == "Expired"


def test_revoked_token_is_unknown(company: Company) -> None:
    token, other = a_token(), a_token()
    row = ApiToken.objects.get(prefix=token[:12])
    TOKENS.perform(row, "revoke", by=company.roleadmin, reason="It leaked.")
    assert account_behind(token) is None
    assert account_behind(other)
    assert row.history.first().history_change_reason == "It leaked."


def test_tokens_of_a_deactivated_account_are_unknown(company: Company) -> None:
    token = a_token()
    account = User.objects.get(username="ci")
    LIFECYCLE.perform(account, "deactivate", by=company.roleadmin, reason="No more pipelines.")
    assert account_behind(token) is None
    with pytest.raises(CannotIssue, match="was deactivated"):
        a_token()


def test_service_account_can_never_sign_in(company: Company) -> None:
    a_token()
    account = User.objects.get(username="ci")
    account.set_password("correct horse")
    account.save()
    assert not account.may_sign_in
    assert not Client().login(username="ci", password="correct horse")
    client = Client()
    client.force_login(account)
    assert client.get("/admin/").status_code == 302


def test_only_the_portal_issues_and_only_role_administrators_revoke(company: Company) -> None:
    a_token()
    row = ApiToken.objects.get()
    for user in (company.lead, company.auditor, company.engineer):
        assert_refused(TOKENS, row, "revoke", user, "Your role does not include")
    fresh = ApiToken(account=row.account, prefix="p", digest="d", scopes="changes:read")
    assert_refused(TOKENS, fresh, "issue", company.roleadmin, "Your role does not include")


def test_people_get_no_tokens(company: Company) -> None:
    row = ApiToken(account=company.lead, prefix="p", digest="d", scopes="changes:read",
                   expires_at=clock.now() + timedelta(days=1))  # fmt: skip
    said = "Lead is no service account. People sign in; they have no tokens."
    assert_refused(TOKENS, row, "issue", User.objects.system(), said)
    with pytest.raises(CannotIssue, match="lead is the account of a person"):
        a_token(name="lead")


def test_record_names_the_service_account(company: Company) -> None:
    a_token()
    assert str(User.objects.get(username="ci")) == "ci"
    assert not Deployment.objects.exists()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": "Build Server"}, "small letters"),
        ({"name": "x" * 81}, "small letters"),
        ({"scopes": []}, "at least one scope of deployments:write, changes:read"),
        ({"scopes": ["admin"]}, "and no other"),
        ({"days": 0}, "1 to 366 days"),
        ({"days": 367}, "1 to 366 days"),
    ],
)
def test_bad_request_for_a_token_is_a_sentence(db: None, values: Any, said: str) -> None:
    with pytest.raises(CannotIssue, match=said):
        a_token(**values)
    assert not ApiToken.objects.exists()
    assert not User.objects.filter(is_service=True).exists()


def test_command_prints_the_token_alone_on_the_standard_output(db: None, capsys: Any) -> None:
    call_command("create_api_token", "ci", "--scope", "changes:read", "--days", "7")
    shown = capsys.readouterr()
    assert account_behind(shown.out.strip())
    assert "not shown again" in shown.err
    assert shown.out.strip() not in shown.err


def test_command_refuses_in_a_sentence(db: None) -> None:
    person("lead")
    with pytest.raises(CommandError, match="Choose another name"):
        call_command("create_api_token", "lead", "--scope", "changes:read")


def test_database_refuses_a_service_account_that_is_something_else(db: None) -> None:
    a_token()
    rows = User.objects.filter(username="ci")
    assert_refused_by("service_account_is_nothing_else", rows, is_superuser=True)
    assert_refused_by("service_account_is_nothing_else", rows, is_system=True)


def test_database_refuses_a_token_without_its_times(db: None) -> None:
    a_token()
    rows = ApiToken.objects.all()
    assert_refused_by("token_expires_after_its_issue", rows, expires_at=clock.now() - timedelta(9))
    assert_refused_by("revoked_token_says_when", rows, status="revoked")
    assert_refused_by("revoked_token_says_when", rows, revoked_at=clock.now())
