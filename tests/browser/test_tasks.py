"""Main tasks within their budget of clicks and answers, in each of the four ways."""

from datetime import timedelta

import pytest

from ecportal import clock
from tests.browser.conftest import Visit
from tests.browser.hands import WAYS, Hand
from tests.browser.tasks import TASKS
from tests.scenario import Company

pytestmark = [pytest.mark.once, pytest.mark.slow]


@pytest.mark.parametrize("name", TASKS)
def test_task_stays_within_its_budget_whichever_way(
    quick_company: Company, visit: Visit, name: str
) -> None:
    task = TASKS[name]
    for way in WAYS:
        with clock.at(clock.now() - timedelta(minutes=5)):
            hand = Hand.of(visit, getattr(quick_company, task.who), way)
        done = task.do(hand, quick_company)
        if hasattr(done, "refresh_from_db"):
            done.refresh_from_db()
        assert task.after(done), (way, hand.visitor.text()[:600])
        print(
            f"{name:26} {way:10} {hand.clicks} of {task.clicks} clicks, "
            f"{len(hand.required)} of {task.required} required answers, {len(hand.typed)} typed"
        )
        assert hand.clicks <= task.clicks, way
        assert len(hand.required) <= task.required, way
        assert hand.visitor.errors == [], way
