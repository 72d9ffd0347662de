"""What follows a change: deadlines, escalations, exceptions, the retrospective review."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ReviewsConfig(AppConfig):
    name = "reviews"
    verbose_name = "Assure"

    def ready(self) -> None:
        # Imported for what they register: tables, and what hears of acts on changes.
        from reviews import (  # noqa: F401
            ladder,
            lifecycle,
            pulling,
            receipts,
            reconciliation,
            register,
            schedule,
            telling_systems,
            working_papers,
        )

        post_migrate.connect(ladder.raise_default, sender=self, dispatch_uid="ladder")
