"""Messages that leave the portal."""

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "ecportal.outbox"
    verbose_name = "Administer"
