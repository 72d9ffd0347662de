"""People, roles and permissions."""

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "ecportal.accounts"
    verbose_name = "Administer"

    def ready(self) -> None:
        from ecportal.accounts import roles  # models must be loaded first

        # Django's groups are the roles: they stand under the same duty as the people.
        apps.get_app_config("auth").verbose_name = self.verbose_name
        post_migrate.connect(roles.sync, sender=self, dispatch_uid="roles")
