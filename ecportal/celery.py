"""The Celery application, and how a request wakes the worker without depending on it."""

import logging
import os

from celery import Celery, Task
from django.db import transaction
from kombu.exceptions import OperationalError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecportal.settings")
app = Celery("ecportal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

logger = logging.getLogger(__name__)


def wake(task: Task, *arguments: object) -> None:
    """Run `task` soon after this transaction commits.

    Beat runs every such task each minute anyway, so a broker that is down costs minutes, never the
    act that was just recorded.
    """

    def send() -> None:
        try:
            task.apply_async(arguments, retry=False)
        except (OperationalError, OSError) as error:
            logger.warning("The broker did not take %s: %s", task.name, error)

    transaction.on_commit(send, robust=True)
