"""Emergency changes: the record from the determination to the evidence."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ChangesConfig(AppConfig):
    name = "changes"
    verbose_name = "Respond"

    def ready(self) -> None:
        # Tables, receivers and hearers register themselves.
        from changes import (  # noqa: F401
            by_slack,
            declaring_by_slack,
            deployments,
            lifecycle,
            tickets,
        )

        post_migrate.connect(lifecycle.adopt_default, sender=self, dispatch_uid="policy")
