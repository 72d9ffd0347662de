"""The people who act in the portal."""

from typing import ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from guardian.models import GroupObjectPermission, UserObjectPermission

from ecportal import clock, environment
from ecportal.history import TrackedQuerySet, track, tracked

SYSTEM_USERNAME = "ecportal"


def validate_time_zone(value: str) -> None:
    try:
        environment.time_zone(value)
    except ValueError as error:
        raise ValidationError(str(error)) from None


class PeopleManager(UserManager["User"]):
    """Finds people by the part they play."""

    def get_queryset(self) -> TrackedQuerySet["User"]:
        return TrackedQuerySet(self.model, using=self._db)

    def system(self) -> "User":
        """Return the named account under which scheduled work acts."""
        return self.get(is_system=True)

    def in_role(self, role: str) -> models.QuerySet["User"]:
        """Return the active people of a role, in the order in which they joined the portal."""
        return self.filter(is_active=True, groups__name=role).order_by("pk")


class User(AbstractUser):
    """A person, or the one system account; deactivated when they leave, never deleted."""

    # No last_login: each sign-in would write this row, and with it a history row that says nothing.
    last_login = None
    is_staff = models.BooleanField(default=True, editable=False)
    email = models.EmailField("e-mail address", blank=True)
    time_zone = models.CharField(
        max_length=60,
        blank=True,
        validators=[validate_time_zone],
        help_text="Such as Europe/Berlin. Empty: the company's time zone.",
    )
    access_from = models.DateTimeField(
        null=True, blank=True, help_text="The account can sign in from this moment on."
    )
    access_until = models.DateTimeField(
        null=True, blank=True, help_text="The account cannot sign in from this moment on."
    )
    is_system = models.BooleanField(default=False, editable=False)

    objects: ClassVar[PeopleManager] = PeopleManager()
    history = tracked(excluded_fields=["password"])

    class Meta:
        verbose_name = "person"
        verbose_name_plural = "people"
        constraints = [
            models.UniqueConstraint(
                fields=["is_system"], condition=Q(is_system=True), name="one_system_account"
            ),
            models.CheckConstraint(
                condition=Q(access_from=None)
                | Q(access_until=None)
                | Q(access_until__gt=F("access_from")),
                name="access_ends_after_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return self.get_full_name() or self.username

    @property
    def status(self) -> str:
        return "active" if self.is_active else "inactive"

    @property
    def may_sign_in(self) -> bool:
        """Whether the account is active, a person's, and inside its dates (until is exclusive)."""
        now = clock.now()
        return bool(
            self.is_active
            and not self.is_system
            and (self.access_from is None or self.access_from <= now)
            and (self.access_until is None or now < self.access_until)
        )


for grant in (UserObjectPermission, GroupObjectPermission):
    track(grant, app="ecportal.accounts")
