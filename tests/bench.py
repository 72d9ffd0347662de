"""`python -m tests.bench`: how fast the one door and the sweep are, on a fresh SQLite database."""

import os
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

FOLDER = tempfile.TemporaryDirectory(prefix="ecportal-bench-")
os.environ.update(
    ECPORTAL_ENV="test",
    ECPORTAL_VAR=FOLDER.name,
    DATABASE_URL=f"sqlite:///{Path(FOLDER.name) / 'bench.sqlite3'}",
    DJANGO_SETTINGS_MODULE="ecportal.settings",
)

import django  # noqa: E402

django.setup()

from django.apps import apps  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import transaction  # noqa: E402

from changes.lifecycle import CHANGES  # noqa: E402
from changes.models import ChangeSystem, EmergencyChange  # noqa: E402
from ecportal import clock  # noqa: E402
from incidents.models import Incident, System  # noqa: E402
from reviews.models import Deadline  # noqa: E402
from reviews.sweep import sweep  # noqa: E402
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
        Deadline._base_manager.bulk_create(
            Deadline(change=copy, **{name: getattr(deadline, name) for name in names})
            for copy in copies
            for deadline in deadlines
        )


def main() -> None:
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
    ]
    for name, value, remark in table:
        print(f"{name:<30} {value:>10}   {remark}")


if __name__ == "__main__":
    main()
