"""The app of the integrations."""

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "ecportal.integrations"
    label = "integrations"
    verbose_name = "Administer"
