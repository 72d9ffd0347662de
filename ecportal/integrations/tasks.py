"""When deliveries are worked on: each minute, and soon after they came."""

from celery import shared_task

from ecportal.integrations.working import work_off


@shared_task
def work_on_deliveries() -> None:
    work_off()
