"""Who comes to the API: a service account by its bearer token (RFC 6750), with its scopes."""

from typing import Final

from django.http import HttpRequest
from ninja.security import HttpBearer

from ecportal.accounts.models import User
from ecportal.accounts.roles import SCOPES
from ecportal.accounts.tokens import account_behind
from ecportal.audit import context, sign_in

ABSENT: Final = "Send a token: Authorization: Bearer ecp_…"
BAD: Final = "The token is unknown, expired or revoked."


class Unauthenticated(Exception):
    """There is no good token; says why in a sentence, and how the header puts it."""

    def __init__(self, sentence: str, error: str = "") -> None:
        super().__init__(sentence)
        self.challenge = f'Bearer realm="ecportal"{error}'


class Forbidden(Unauthenticated):
    """The token is good, and not made for this."""


class TokenAuth(HttpBearer):
    """Lets in whoever comes with a good token of this scope.

    A token that is not good is noted in the trail, without the token itself.
    """

    def __init__(self, scope: str) -> None:
        super().__init__()
        self.scope = scope

    def __call__(self, request: HttpRequest) -> User:
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != self.openapi_scheme or not token.strip():
            raise Unauthenticated(ABSENT)
        return self.authenticate(request, token.strip())

    def authenticate(self, request: HttpRequest, token: str) -> User:
        account = account_behind(token)
        what = f"{request.method} {request.path}"
        if account is None:
            sign_in.denied(what, BAD)
            raise Unauthenticated(BAD, ', error="invalid_token"')
        if not SCOPES[self.scope] <= account.token_verbs:
            why = f"The token lacks the scope {self.scope}."
            sign_in.denied(what, why, context.named(account.pk, account.username))
            error = f', error="insufficient_scope", scope="{self.scope}"'
            raise Forbidden(why, error)
        return account
