"""The portal's Celery application, asking each second for what it asks each minute otherwise."""

from ecportal.celery import app

for entry in app.conf.beat_schedule.values():
    entry["schedule"] = 1.0

__all__ = ["app"]
