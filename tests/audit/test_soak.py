"""Many writers, a sealer and a verifier at the same time: no error, and no false alarm."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection, connections, transaction

from ecportal.accounts import roles
from ecportal.accounts.lifecycle import LIFECYCLE as PEOPLE
from ecportal.audit import heartbeat, keys, sealer
from ecportal.audit.models import AuditCheckpoint, AuditEvent, AuditLeaf
from ecportal.audit.verification import verify
from incidents.lifecycle import INCIDENTS
from incidents.models import Incident
from tests.audit.folders import files_in
from tests.scenario import Company, an_incident, person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

WRITERS = 8
SECONDS = 60.0  # at most: on a busy machine
UNDONE = 0.1
"""How many of the acts are rolled back after all: on PostgreSQL they leave gaps among the ids."""


class GivenUp(Exception):
    """The writer changed its mind; what it wrote goes with its transaction."""


class Bustle:
    """Threads that go on until the time is up; the first error of each is kept."""

    def __init__(self) -> None:
        self.over = Event()
        self.errors: list[BaseException] = []
        self.done: Counter[str] = Counter()
        self.threads: list[Thread] = []

    def start(self, name: str, step: Callable[[], object]) -> None:
        def run() -> None:
            try:
                while not self.over.is_set():
                    step()
                    self.done[name] += 1
            except BaseException as error:  # noqa: BLE001 - told to the test, which expects none
                self.errors.append(error)
                self.over.set()
            finally:
                connections.close_all()

        thread = Thread(target=run, name=name)
        self.threads.append(thread)
        thread.start()

    def last(self, seconds: float, enough: Callable[[], bool]) -> None:
        end = time.monotonic() + seconds
        while not enough() and time.monotonic() < end:
            self.over.wait(0.1)
        self.over.set()
        for thread in self.threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self.threads)


class Writer:
    """Somebody who works on an incident and a colleague of their own, and at times gives up."""

    def __init__(self, number: int, company: Company) -> None:
        self.chance = random.Random(number)
        self.company = company
        self.incident = an_incident(company, title=f"Incident {number}")
        self.colleague = person(f"colleague{number}")
        self.undone = 0

    def step(self) -> None:
        try:
            with transaction.atomic():
                self.chance.choice([self.note, self.determine, self.role])()
                if self.chance.random() < UNDONE:
                    raise GivenUp
        except GivenUp:
            self.undone += 1

    def _do(self, verb: str, **data: Any) -> None:
        incident = Incident.objects.get(pk=self.incident.pk)
        INCIDENTS.perform(incident, verb, by=self.company.engineer, reason="Seen.", **data)

    def note(self) -> None:
        self._do("note")

    def determine(self) -> None:
        self._do("determine", criterion=self.chance.choice(["outage", "security"]))

    def role(self) -> None:
        colleague = type(self.colleague).objects.get(pk=self.colleague.pk)
        role = Group.objects.get(name=roles.ENGINEER)
        held = colleague.groups.filter(pk=role.pk).exists()
        verb = "withdraw_role" if held else "assign_role"
        PEOPLE.perform(colleague, verb, by=self.company.roleadmin, reason="Moves.", role=role)


@pytest.fixture
def soaked(company: Company, tmp_path: Path) -> Iterator[Company]:
    with files_in(tmp_path):
        keys.generate("portal.example.test")
        with files_in(tmp_path):
            yield company


@contextmanager
def bustling(writers: list[Writer]) -> Iterator[Bustle]:
    bustle = Bustle()
    try:
        for writer in writers:
            bustle.start("written", writer.step)
        yield bustle
    finally:
        bustle.over.set()


def test_nothing_is_lost_and_nothing_is_a_false_alarm(soaked: Company) -> None:
    heartbeat.heartbeat()
    sealer.seal()
    writers = [Writer(number, soaked) for number in range(WRITERS)]
    found: list[Any] = []

    def look() -> None:
        found.extend(verify().findings)

    with bustling(writers) as bustle:
        bustle.start("sealed", lambda: (sealer.seal(), time.sleep(0.1)))
        bustle.start("verified", look)
        bustle.last(SECONDS, lambda: enough(bustle, writers))
    assert bustle.errors == []
    assert found == []
    assert enough(bustle, writers)
    undone = sum(writer.undone for writer in writers)
    out_of_order, gaps = _ids()
    print(f"\n{connection.vendor}: {dict(bustle.done)}, {undone} undone, "
          f"{AuditCheckpoint.objects.count()} checkpoints, "
          f"{out_of_order} leaves out of the order of ids, {gaps} gaps among ids")  # fmt: skip
    # What the sealer passed over because it became visible late is found by the full look.
    sealer.seal(full=True)
    assert AuditLeaf.objects.count() == AuditEvent.objects.count()
    assert verify().findings == []


def enough(bustle: Bustle, writers: list[Writer]) -> bool:
    """Tell whether each kind of act met the others often enough, or one has failed already."""
    return bool(bustle.errors) or (
        bustle.done["written"] > 50
        and bustle.done["verified"] >= 2
        and any(writer.undone for writer in writers)
        and AuditCheckpoint.objects.count() > 5
    )


def _ids() -> tuple[int, int]:
    ids = list(AuditLeaf.objects.order_by("idx").values_list("event_id", flat=True))
    out_of_order = sum(1 for before, after in pairwise(ids) if after < before)
    return out_of_order, max(ids) - min(ids) + 1 - len(ids)
