"""People, roles and permissions."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "ecportal.accounts"
    verbose_name = "Administer"

    def ready(self) -> None:
        from ecportal.accounts import roles  # models must be loaded first

        post_migrate.connect(roles.sync, sender=self, dispatch_uid="roles")
