"""Sign-ins, sign-outs, failed attempts and refused acts, as events."""

from typing import Any, Final

from django.contrib.auth import get_user_model

from ecportal.audit import attestation, context

LOGIN, LOGOUT, LOGIN_FAILED, DENIED = "login", "logout", "login_failed", "denied"
UNKNOWN: Final = "(no such account)"


def signed_in(user: Any, **_: Any) -> None:
    attestation.record(LOGIN, context.named(user.pk, user.get_username()))


def signed_out(user: Any, **_: Any) -> None:
    if user is not None:  # else the session had ended already
        attestation.record(LOGOUT, context.named(user.pk, user.get_username()))


def failed(credentials: dict[str, Any], **_: Any) -> None:
    """Note the attempt; a name that nobody has is left out, since it may be a typed password."""
    people = get_user_model()
    name = str(credentials.get(people.USERNAME_FIELD, ""))[:150]
    known = bool(name) and people._default_manager.filter(**{people.USERNAME_FIELD: name}).exists()
    attestation.record(LOGIN_FAILED, account=name if known else UNKNOWN)


def denied(what: str, why: str, origin: context.Origin | None = None) -> None:
    """Note that somebody tried what they may not do, with the sentence that they were told."""
    attestation.record(DENIED, origin, what=what[:500], why=why[:500])
