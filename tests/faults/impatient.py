"""The portal's Celery application, which asks each second and waits two for a mail server."""

from django.conf import settings

from ecportal.celery import app

settings.EMAIL_TIMEOUT = 2
for entry in app.conf.beat_schedule.values():
    entry["schedule"] = 1.0

__all__ = ["app"]
