"""The address at which a person's calendar program reads their deadlines."""

from django.db import models

from ecportal.accounts.models import User


class CalendarFeed(models.Model):
    """One address a person; a new secret makes every older address invalid.

    Not tracked, because it is no record of the process: a history would only keep old secrets.
    `digest` and `changed_at` say which content was read last, and since when it was that.
    """

    person = models.OneToOneField(User, models.PROTECT, related_name="+")
    secret = models.CharField(max_length=64)
    made_at = models.DateTimeField()
    digest = models.CharField(max_length=64, blank=True)
    changed_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"Calendar of {self.person}"
