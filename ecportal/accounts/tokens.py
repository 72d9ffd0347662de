"""Tokens of service accounts: made once, shown once, and known again by their digest."""

import hashlib
import re
import secrets
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils.crypto import constant_time_compare

from ecportal import clock
from ecportal.accounts.lifecycle import LIFECYCLE, TOKENS
from ecportal.accounts.models import ApiToken, User
from ecportal.accounts.roles import SCOPES

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
DAYS: Final = 366
FORM: Final = re.compile(r"(ecp_[0-9a-f]{8})_[A-Za-z0-9_-]{43}")
USED_TO_THE: Final = timedelta(minutes=1)


class CannotIssue(Exception):
    """No such token can be issued; says why in a sentence."""


def digest(token: str) -> str:
    """Return the SHA-256 of a token; it has 256 random bits, so no slow hash is needed."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


@transaction.atomic
def issue(name: str, scopes: list[str], days: int, why: str) -> str:
    """Give the service account `name`, made where there is none, a token for so many days.

    Return the token, which is stored nowhere. CannotIssue says what is wrong with what was asked.
    """
    if not NAME.fullmatch(name):
        raise CannotIssue(
            "A service account is named by up to 80 small letters, digits, dots, dashes and "
            "underscores, such as github-checkout."
        )
    unknown = sorted(set(scopes) - SCOPES.keys())
    if unknown or not scopes:
        known = ", ".join(SCOPES)
        raise CannotIssue(f"Name at least one scope of {known}, and no other.")
    if not 1 <= days <= DAYS:
        raise CannotIssue(f"A token is valid for 1 to {DAYS} days.")
    prefix = f"ecp_{secrets.token_hex(4)}"
    token = f"{prefix}_{secrets.token_urlsafe(32)}"
    row = ApiToken(
        account=_account(name, why),
        prefix=prefix,
        digest=digest(token),
        scopes=" ".join(sorted(set(scopes))),
        expires_at=clock.now() + timedelta(days=days),
    )
    TOKENS.perform(row, "issue", by=User.objects.system(), reason=why)
    return token


def _account(name: str, why: str) -> User:
    found = User.objects.filter(username__iexact=name).first()
    if found is None:
        account = User(username=name, is_service=True)
        return LIFECYCLE.perform(account, "enroll", by=User.objects.system(), reason=why)
    if not found.is_service:
        raise CannotIssue(f"{name} is the account of a person. Choose another name.")
    if not found.is_valid:
        raise CannotIssue(f"The account {name} was deactivated. Reactivate it first.")
    return found


def account_behind(token: str) -> User | None:
    """Return the service account that comes with this token, if it is good now.

    The account holds what the scopes of the token permit, and nothing else. It takes as long for
    a token that is unknown as for one that is wrong.
    """
    form = FORM.fullmatch(token)
    found = None
    if form is not None:
        found = ApiToken.objects.select_related("account").filter(prefix=form[1]).first()
    same = constant_time_compare(digest(token), found.digest if found else digest(""))
    if found is None or not same or found.status != ApiToken.Status.VALID or found.is_expired:
        return None
    account = found.account
    if not (account.is_service and account.is_valid):
        return None
    _note_use(found)
    account.token_verbs = frozenset().union(*(SCOPES.get(s, ()) for s in found.scopes.split()))
    return account


def _note_use(token: ApiToken) -> None:
    now = clock.now()
    if token.last_used_at is None or now - token.last_used_at >= USED_TO_THE:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
