"""The portal's platform: what the process apps stand on."""

from ecportal.celery import app as celery_app

__all__ = ["celery_app"]
