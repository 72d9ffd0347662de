"""Signing in: only people, only while active, only inside the account's dates."""

from django.contrib.auth.backends import ModelBackend


class DatedAccountBackend(ModelBackend):
    """Refuses dated accounts outside their dates, also in sessions that are already open."""

    def user_can_authenticate(self, user: object) -> bool:
        return bool(getattr(user, "may_sign_in", False))
