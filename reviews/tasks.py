"""When deadlines are looked at and packs are built: each minute, and soon after one is due."""

from celery import shared_task

from reviews.packs import queue
from reviews.reconciliation import reconcile
from reviews.sweep import sweep

HOUR = 60 * 60


@shared_task
def sweep_deadlines() -> None:
    sweep()


@shared_task
def find_unclaimed() -> None:
    reconcile()


@shared_task(time_limit=HOUR)
def build_packs() -> None:
    queue.remove_old()
    queue.remove_leavings()
    queue.work_off()
