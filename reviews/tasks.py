"""When deadlines are looked at: each minute, and soon after one started."""

from celery import shared_task

from reviews.sweep import sweep


@shared_task
def sweep_deadlines() -> None:
    sweep()
