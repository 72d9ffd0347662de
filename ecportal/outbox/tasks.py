"""When messages are sent: each minute, and soon after they were written."""

from celery import shared_task

from ecportal.outbox.relay import deliver


@shared_task
def deliver_messages() -> None:
    deliver()
