"""Signing in: only people, only while active, only inside the account's dates."""

from django.contrib.auth.backends import ModelBackend

from ecportal.accounts.models import User
from ecportal.accounts.permissions import held_by


class DatedAccountBackend(ModelBackend):
    """Refuses dated accounts outside their dates, also in sessions that are already open."""

    def user_can_authenticate(self, user: object) -> bool:
        return bool(getattr(user, "may_sign_in", False))

    def get_all_permissions(self, user_obj: object, obj: object = None) -> set[str]:
        """Return what `held_by` knows already, where Django would ask the database twice."""
        if not isinstance(user_obj, User) or obj is not None or user_obj.is_superuser:
            return super().get_all_permissions(user_obj, obj)  # type: ignore[arg-type]
        return set(held_by(user_obj)) if user_obj.is_active else set()
