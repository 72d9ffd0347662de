"""`python -m tests.bench`: how fast the one door and the sweep are, on a fresh SQLite database.

Under `python -m tests.postgres` it measures there instead.
"""

import os
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

FOLDER = tempfile.TemporaryDirectory(prefix="ecportal-bench-")
os.environ.update(
    ECPORTAL_ENV="test",
    ECPORTAL_VAR=FOLDER.name,
    DJANGO_SETTINGS_MODULE="ecportal.settings",
)
os.environ.setdefault("DATABASE_URL", f"sqlite:///{Path(FOLDER.name) / 'bench.sqlite3'}")

import django  # noqa: E402

django.setup()

from django.apps import apps  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from changes.lifecycle import CHANGES  # noqa: E402
from changes.models import ChangeSystem, EmergencyChange  # noqa: E402
from ecportal import clock  # noqa: E402
from incidents.models import Incident, System  # noqa: E402
from reviews.models import Deadline, Notice, Watch  # noqa: E402
from reviews.reaching import look  # noqa: E402
from reviews.sweep import sweep  # noqa: E402
from tests.crowd import analyze, crowd, watch  # noqa: E402
from tests.scenario import (  # noqa: E402
    Company,
    Journey,
    a_change,
    an_incident,
    determined,
    found_company,
)

LIFECYCLES = 100
ACTS = 9  # open, submit, approve, start, finish, verify, attach evidence, document, review
TARGET = 20  # lifecycles a second
POPULATION, RUNNING = 10_000, 500
SMALL, LARGE, DUE, FLOOD = 10_000, 1_000_000, 100, 10_000


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def history_rows() -> int:
    models = [model for model in apps.get_models() if model.__name__.startswith("Historical")]
    return sum(model._default_manager.count() for model in models)


def live(company: Company, incident: Incident) -> None:
    """Take a change from open to closed, approved in the portal."""
    change = CHANGES.perform(
        EmergencyChange(
            incident=incident,
            determination=incident.determinations.last(),
            title="Roll checkout back",
            scope="Roll checkout back to 4.18.2.",
            rollback_plan="Deploy 4.19.0 again.",
        ),
        "open",
        by=company.engineer,
        reason="Checkout is down.",
        systems=[company.system],
    )
    Journey(company, change).to("closed")


def save_plainly(rows: int) -> None:
    """Save as many tracked rows in as many transactions, with nothing asked and nothing checked."""
    per_act = max(1, rows // (LIFECYCLES * ACTS))
    for first in range(0, rows, per_act):
        with transaction.atomic():
            for n in range(first, min(first + per_act, rows)):
                System(name=f"plain-{n}").save()


def populate(company: Company) -> None:
    """Make the population from one closed and one waiting change, by copying their rows."""
    closed = a_change(company, "closed")
    with clock.at(clock.now() - timedelta(hours=1)):
        waiting = a_change(company, "submitted")
    for model, count in ((closed, POPULATION - RUNNING), (waiting, RUNNING)):
        deadlines = list(model.deadlines.all())
        fields = {f.attname: getattr(model, f.attname) for f in model._meta.concrete_fields}
        copies = EmergencyChange._base_manager.bulk_create(
            EmergencyChange(**{**fields, "id": None, "number": f"{model.number}-{n}"})
            for n in range(count)
        )
        ChangeSystem._base_manager.bulk_create(
            ChangeSystem(change=copy, system=company.system) for copy in copies
        )
        names = [
            f.attname for f in Deadline._meta.concrete_fields if f.name not in ("id", "change")
        ]
        owed = Deadline._base_manager.bulk_create(
            Deadline(change=copy, **{name: getattr(deadline, name) for name in names})
            for copy in copies
            for deadline in deadlines
        )
        Watch.objects.bulk_create(Watch(deadline=d) for d in owed if d.met_at is None)


class Crowd:
    """A population that grows, and sweeps that find what is due among it."""

    def __init__(self, company: Company) -> None:
        self.closed = a_change(company, "closed")
        self.waiting = a_change(company, "submitted")
        sweep()
        self.version = Watch.objects.get(deadline__change=self.waiting).ladder
        self.top = 10_000_000  # above every key that the portal itself has given

    def grow(self, number: int) -> None:
        """Add closed changes, and one in a hundred that waits but is not due."""
        running = number // 100
        first, self.top = self.top, self.top + number
        crowd(self.closed, "review", first, self.top - running - 1)
        crowd(self.waiting, "approval", self.top - running, self.top - 1)
        later = clock.now() + timedelta(days=9)
        watch(self.top - running, self.top - 1, later, self.version)
        analyze()

    def due(self, number: int) -> None:
        """Add changes whose first rung is due now."""
        first, self.top = self.top, self.top + number
        crowd(self.waiting, "approval", first, self.top - 1)
        watch(first, self.top - 1, clock.now(), self.version)

    def sweep(self, number: int, rounds: int = 3) -> float:
        """Return the seconds of a sweep that finds so many due, the middle one of the rounds."""
        took = []
        for _ in range(rounds):
            self.due(number)
            before = Notice.objects.count()
            took.append(seconds(sweep))
            assert Notice.objects.count() - before >= number
        return sorted(took)[rounds // 2]

    def queries_to_find(self, number: int) -> int:
        self.due(number)
        with transaction.atomic(), CaptureQueriesContext(connection) as caught:
            assert len(look(clock.now())) == number
        sweep()
        return len(caught)


def megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def crowded(company: Company) -> list[tuple[str, str, str]]:
    """Measure sweeps in a small and in a large population, in the same run."""
    here = Crowd(company)
    here.grow(SMALL)
    small = here.sweep(DUE)
    here.grow(LARGE - SMALL)
    large = here.sweep(DUE)
    finding = here.queries_to_find(DUE)
    idle = seconds(sweep)
    before = megabytes()
    flood = here.sweep(FLOOD, rounds=1)
    return [
        (f"sweep, {DUE} due", f"{small * 1000:.0f} ms", f"{SMALL} changes"),
        (f"sweep, {DUE} due", f"{large * 1000:.0f} ms", f"{LARGE} changes"),
        ("price of the population", f"{large / small:.2f} x", "target 3 x"),
        (f"queries to find {DUE} due", str(finding), "target 5"),
        ("sweep, nothing due", f"{idle * 1000:.0f} ms", f"{LARGE} changes"),
        (f"sweep, {FLOOD} due", f"{flood:.1f} s", f"{FLOOD / flood:.0f} rungs/s, one digest each"),
        ("memory for them", f"{megabytes() - before:.0f} MB", f"beside {before:.0f} MB before"),
    ]


def main() -> None:
    settings.AUDIT_STRICT = False  # as in production
    call_command("migrate", verbosity=0)
    company = found_company()
    incidents = [determined(company, an_incident(company)) for _ in range(LIFECYCLES)]
    before = history_rows()
    lived = seconds(lambda: [live(company, incident) for incident in incidents])
    rows = history_rows() - before
    plain = seconds(lambda: save_plainly(rows))
    populate(company)
    first, again = seconds(sweep), seconds(sweep)
    rate = LIFECYCLES / lived
    table = [
        ("lifecycles, open to closed", f"{rate:.1f}/s", f"target {TARGET}/s"),
        ("the same rows, saved plainly", f"{LIFECYCLES / plain:.1f}/s", f"{rows} tracked rows"),
        ("price of the rules", f"{lived / plain:.1f} x", "lifecycles against plain saves"),
        ("sweep, everything due", f"{first:.2f} s", f"{POPULATION} changes, {RUNNING} overdue"),
        ("sweep, nothing new", f"{again:.2f} s", "the same changes"),
        *crowded(company),
    ]
    for name, value, remark in table:
        print(f"{name:<30} {value:>10}   {remark}")


if __name__ == "__main__":
    main()
