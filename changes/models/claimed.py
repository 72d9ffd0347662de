"""What other systems tell of and a change may claim: seen by whoever may see that change."""

from typing import Self, TypeVar

from django.db.models import Model, Q

from changes.models.change import EmergencyChange
from ecportal.accounts.models import User
from ecportal.history import TrackedQuerySet

Record = TypeVar("Record", bound=Model)


class ClaimedQuerySet(TrackedQuerySet[Record]):
    def visible_to(self, user: User) -> Self:
        """All but those of confidential changes that the user may not see."""
        visible = EmergencyChange.objects.visible_to(user).values("pk")
        return self.filter(Q(change=None) | Q(change__in=visible))
