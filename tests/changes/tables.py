"""A lifecycle's table as plain words, to lay beside the agreed one."""

from typing import Any

from ecportal.lifecycle import Lifecycle


def rows_of(
    lifecycle: Lifecycle[Any], statuses: list[str] | None = None
) -> list[tuple[str, str, str | None]]:
    """Return a table sorted and as plain words, sources in the order of the model's statuses."""
    order = statuses or list(lifecycle.model.Status.values)
    rows = []
    for row in lifecycle.rows:
        assert row.sources <= set(order)
        sources = " ".join(status for status in order if status in row.sources)
        rows.append((row.verb, sources, None if row.target is None else str(row.target)))
    return sorted(rows, key=repr)
