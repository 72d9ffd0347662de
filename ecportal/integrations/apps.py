"""The app of the integrations."""

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "ecportal.integrations"
    label = "integrations"
    verbose_name = "Administer"

    def ready(self) -> None:
        # Imported for what they register: the ways out to other systems.
        from ecportal.integrations.channels import jira, pagerduty, webhook  # noqa: F401
