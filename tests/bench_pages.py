"""`python -m tests.bench_pages`: each page's server time beside Django's own page of that model."""

import os
import statistics
import tempfile
import time
from pathlib import Path

FOLDER = tempfile.TemporaryDirectory(prefix="ecportal-bench-")
os.environ.update(
    ECPORTAL_ENV="test",
    ECPORTAL_VAR=FOLDER.name,
    DJANGO_SETTINGS_MODULE="ecportal.settings",
    DATABASE_URL=f"sqlite:///{Path(FOLDER.name) / 'bench.sqlite3'}",
)

import django  # noqa: E402

django.setup()

from django.contrib import admin  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402

from tests.pages.world import build, listing, page  # noqa: E402
from tests.scenario import a_change, found_company, person  # noqa: E402
from tests.stock_admin import stock  # noqa: E402

ROUNDS = 15
TARGET = 2.0  # times the page that Django would show


def milliseconds(client: Client, address: str) -> float | None:
    """Return the median of several answers, or None where there is no such page for everybody."""
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        answer = client.get(address)
        times.append((time.perf_counter() - begin) * 1000)
        if answer.status_code != 200:
            return None
    return statistics.median(times[3:])


def main() -> None:
    call_command("migrate", verbosity=0)
    company = found_company()
    world = build(company)
    for status in ("submitted", "approved", "implementing", "documented", "closed") * 5:
        a_change(company, status)
    everybody = ("Engineer", "Engineering Lead", "Role Administrator")
    client = Client(raise_request_exception=False, SERVER_NAME="localhost")
    client.force_login(person("everybody", *everybody, is_superuser=True))
    addresses = [listing(model) for model in admin.site._registry]
    addresses += [page(record) for record in world.records.values()]
    ours = {at: milliseconds(client, at) for at in ["/admin/", *addresses]}
    with stock():
        theirs = {at: milliseconds(client, at) for at in ["/admin/", *addresses]}
    ratios = []
    for at, mine in sorted(ours.items(), key=lambda row: -(row[1] or 0)):
        other = theirs[at]
        if mine is None or other is None:
            continue
        ratios.append(mine / other)
        print(f"{at:58} {mine:6.1f} ms, stock {other:6.1f} ms, {mine / other:5.2f} x")
    within = sum(ratio <= TARGET for ratio in ratios)
    print(f"{within} of {len(ratios)} pages within {TARGET} x the stock page (median of answers)")


if __name__ == "__main__":
    main()
