"""The app of the integrations."""

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "ecportal.integrations"
    label = "integrations"
    verbose_name = "Administer"

    def ready(self) -> None:
        # Imported for what they register: the ways out to other systems, and what answers Slack.
        from ecportal.integrations import slack_requests  # noqa: F401
        from ecportal.integrations.channels import jira, pagerduty, slack, webhook  # noqa: F401
