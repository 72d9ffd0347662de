"""All 47 attacks are tried, each under its number, and honest work is no finding."""

import pytest

from ecportal.audit import heartbeat, sealer
from tests.audit import (
    test_mutations_of_history,
    test_mutations_of_records,
    test_mutations_of_the_log,
)
from tests.audit.mutating import ALL, Scene, of
from tests.scenario import Journey

pytestmark = pytest.mark.django_db


def test_00_honest_work_is_clean(scene: Scene) -> None:
    assert scene.findings(checkpoints=scene.mailed) == []
    journey = Journey(scene.company, scene.change).verify().document()
    assert scene.findings(checkpoints=scene.mailed) == []
    sealer.seal(full=True)
    journey.review()
    heartbeat.heartbeat()
    sealer.seal()
    assert scene.findings(checkpoints=scene.mailed) == []


def test_every_number_from_1_to_47_is_tried() -> None:
    modules = (test_mutations_of_history, test_mutations_of_records, test_mutations_of_the_log)
    numbers = sorted({int(attack.name[:2]) for attack in ALL})
    assert numbers == list(range(1, 48))
    assert sum(len(of(module.__name__)) for module in modules) == len(ALL)
    assert len({attack.name for attack in ALL}) == len(ALL)
