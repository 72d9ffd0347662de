"""The people who act in the portal."""

from typing import ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from guardian.models import GroupObjectPermission, UserObjectPermission

from ecportal import clock, environment
from ecportal.history import TrackedManager, TrackedQuerySet, track, tracked

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

    def who_may_sign_in(self) -> models.QuerySet["User"]:
        """Return the people of whom `may_sign_in` holds now."""
        now = clock.now()
        return self.filter(
            Q(access_from=None) | Q(access_from__lte=now),
            Q(access_until=None) | Q(access_until__gt=now),
            is_active=True, is_system=False, is_service=False,
        )  # fmt: skip

    def in_role(self, role: str) -> models.QuerySet["User"]:
        """Return the active people of a role, in the order in which they joined the portal."""
        return self.filter(is_active=True, groups__name=role).order_by("pk")


class User(AbstractUser):
    """A person, the one system account, or a service account; deactivated, never deleted.

    A service account is a program's: it can never sign in, holds no role, and may do what the
    token says with which it came.
    """

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
    is_service = models.BooleanField("service account", default=False, editable=False)

    token_verbs: frozenset[str] = frozenset()
    """What the token permits with which a service account came, as app.codename; not stored."""

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
            models.CheckConstraint(
                condition=Q(is_service=False) | Q(is_system=False, is_superuser=False),
                name="service_account_is_nothing_else",
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
        return self.is_valid and not (self.is_system or self.is_service)

    @property
    def may_act(self) -> bool:
        """Whether acts of the account count now; what it may do is another question."""
        return self.is_system or self.is_valid

    @property
    def is_valid(self) -> bool:
        """Whether the account is active and inside its dates (until is exclusive)."""
        now = clock.now()
        return bool(
            self.is_active
            and (self.access_from is None or self.access_from <= now)
            and (self.access_until is None or now < self.access_until)
        )


class ApiToken(models.Model):
    """What a program sends to be let in; of the token itself only the digest is kept.

    `prefix` is the part by which people tell tokens apart. `scopes` are names of `roles.SCOPES`,
    separated by spaces.
    """

    class Status(models.TextChoices):
        VALID = "valid", "Valid"
        REVOKED = "revoked", "Revoked"

    account = models.ForeignKey(User, models.PROTECT, related_name="tokens")
    prefix = models.CharField(max_length=20, unique=True)
    digest = models.CharField("SHA-256", max_length=64, unique=True)
    scopes = models.CharField(max_length=200)
    status = models.CharField(max_length=10, choices=Status, default=Status.VALID)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True, help_text="To the minute.")

    objects: ClassVar = TrackedManager()
    history = tracked(excluded_fields=["last_used_at"])

    class Meta:
        ordering = ["-pk"]
        verbose_name = "API token"
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("issued_at")), name="token_expires_after_its_issue"
            ),
            models.CheckConstraint(
                condition=Q(status="valid", revoked_at=None)
                | Q(status="revoked", revoked_at__isnull=False),
                name="revoked_token_says_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account.username} {self.prefix}…"

    @property
    def is_expired(self) -> bool:
        return self.expires_at <= clock.now()

    @property
    def status_words(self) -> str:
        expired = self.is_expired and self.status == self.Status.VALID
        return "Expired" if expired else self.get_status_display()


for grant in (UserObjectPermission, GroupObjectPermission):
    track(grant, app="ecportal.accounts")
