"""What a verification found: findings for people, and the numbers of what was compared."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from ecportal import clock


class CannotVerify(Exception):
    """The verification could not run; says in a sentence why. Nothing is known then."""


class Finding(NamedTuple):
    """One thing that is not as it was written, in a sentence without any record's content.

    `code` is stable; `record` and `field` are named as pages name them, `event_id` is the event
    that shows it, where there is one.
    """

    code: str
    sentence: str
    record: str = ""
    field: str = ""
    event_id: int | None = None


Find = Callable[..., None]
"""Takes what a Finding takes."""


def _counts() -> dict[str, Any]:
    names = "events leaves checkpoints external unsealed oldest_unsealed redacted clock_set adopted"
    return {**dict.fromkeys([*names.split(), "rows", "files"], 0), "last_heartbeat": None}


@dataclass
class Report:
    """The findings in the order in which they were made, and totals.

    `oldest_unsealed` and `last_heartbeat` are ages in seconds, the latter None without any;
    `clock_set` counts events that were recorded while the portal's clock was set to another time;
    `adopted` counts rows that are older than the trail and attested as found;
    `state` says why the sealer's own record was not compared, empty if it was.
    """

    findings: list[Finding] = field(default_factory=list)
    totals: dict[str, Any] = field(default_factory=_counts)
    state: str = ""
    scope: str = ""

    @property
    def is_clean(self) -> bool:
        return not self.findings

    def find(self, *arguments: Any, **named: Any) -> None:
        self.findings.append(Finding(*arguments, **named))

    def line(self) -> str:
        """Return the totals in one line."""
        count = self.totals
        beat = count["last_heartbeat"]
        parts = [
            *([f"only {self.scope}"] if self.scope else []),
            f"events {count['events']}",
            f"history rows {count['rows']}",
            f"leaves {count['leaves']}",
            f"checkpoints {count['checkpoints']} + {count['external']} external",
            f"unsealed {count['unsealed']}",
            f"oldest unsealed {_age(count['oldest_unsealed'])}",
            f"last heartbeat {'never' if beat is None else _age(beat)}",
            f"files {count['files']}",
            f"{count['redacted']} redacted",
        ]
        if count["clock_set"]:
            parts.append(f"{count['clock_set']} recorded under a set clock")
        if count["adopted"]:
            parts.append(f"{count['adopted']} older than the trail")
        if self.state:
            parts.append(self.state)
        return ", ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        found = [finding._asdict() for finding in self.findings]
        return {"clean": self.is_clean, "totals": self.totals, "line": self.line(),
                "findings": found}  # fmt: skip


def _age(seconds: float) -> str:
    if seconds < 120:
        return f"{int(seconds)} s"
    return clock.duration(timedelta(seconds=seconds))
