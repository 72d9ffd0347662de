"""What may be done with a delivery: one that failed is worked on again."""

from ecportal.celery import wake
from ecportal.integrations.models import Delivery
from ecportal.integrations.tasks import work_on_deliveries
from ecportal.lifecycle import Act, Lifecycle, Transition


def start_over(delivery: Delivery, act: Act) -> None:
    delivery.outcome = Delivery.Outcome.WAITING
    delivery.attempts = 0


def work_soon(delivery: Delivery, act: Act) -> None:
    wake(work_on_deliveries)


DELIVERIES = Lifecycle(
    Delivery,
    Transition("retry", {Delivery.Outcome.FAILED}, None, [], start_over, "Work on it again",
               after=work_soon),
)  # fmt: skip
