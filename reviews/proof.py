"""The proof of a population: what was asked, what came, and the fingerprint of every file."""

from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from ecportal import clock
from reviews.columns import as_text
from reviews.comparison import Comparison, compare
from reviews.kept import KeptTotals, period_of, write_again
from reviews.listing import Export
from reviews.models import Population
from reviews.period import Period
from reviews.renderings import FORMATS


def of_kept(population: Population, hidden: frozenset[int]) -> dict[str, Any]:
    """Return the proof of a kept population, with the fingerprints of what this reader gets."""
    totals, zone = KeptTotals.of(population), ZoneInfo(population.time_zone)
    sinks = {form: write_again(population, form, None, hidden) for form in FORMATS}
    again = compare(population, hidden)
    files = {
        form: {
            "sha256": sink.sha256,
            "bytes": sink.size,
            "sha256_when_generated": population.sha256(form),
        }
        for form, sink in sinks.items()
    }
    return {
        "population": population.number,
        **_query(period_of(population)),
        "period_was_over": population.period_over,
        **_totals(totals, population.cancelled, population.of_other_periods),
        "redacted_for_this_reader": population.rows.filter(change__in=hidden).count(),
        "generated_by": str(population.generated_by),
        "generated_at": as_text(population.generated_at, zone),
        "portal_version": population.portal_version,
        "files": files,
        "run_again": _comparison(again, zone),
    }


def of_export(done: Export, name: str, by: str) -> dict[str, Any]:
    """Return the proof of a file that was written straight from the records."""
    listing, period = done.listing, done.listing.period
    now = clock.now()
    return {
        **_query(period),
        "period_was_over": period.is_over(now),
        **_totals(listing, listing.cancelled, listing.of_other_periods),
        "redacted": listing.withheld,
        "generated_by": by,
        "generated_at": as_text(now, ZoneInfo(period.zone)),
        "portal_version": settings.VERSION,
        "files": {name: {"sha256": done.sha256, "bytes": done.size}},
    }


def _query(period: Period) -> dict[str, Any]:
    zone = ZoneInfo(period.zone)
    return {
        "query": period.in_words(),
        "filters": "none",
        "from": str(period.first),
        "to": str(period.last),
        "by": period.by,
        "begins_at": as_text(period.begins_at, zone),
        "ends_before": as_text(period.ends_before, zone),
        "time_zone": period.zone,
    }


def _totals(totals: Any, cancelled: int, of_other_periods: int) -> dict[str, Any]:
    return {
        "count": totals.count,
        "of_these_cancelled": cancelled,
        "first_number": totals.first,
        "last_number": totals.last,
        "missing_numbers": totals.gaps,
        "numbers_between_that_belong_to_other_periods": of_other_periods,
    }


def _comparison(found: Comparison, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "at": as_text(found.at, zone),
        "same": found.same,
        "count": found.count,
        "came_since": found.added,
        "gone": found.gone,
        "read_differently": found.changed,
    }
