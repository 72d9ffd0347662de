"""Finds what is due, writes it down, and has people told; run it twice and nothing more happens."""

from dataclasses import asdict, dataclass, field

from ecportal import clock
from ecportal.outbox.publishing import deliver
from reviews.models import Setback
from reviews.reaching import Reached, reach
from reviews.telling import tell

LISTED = 100
"""How many rungs and exceptions a report lists; it counts them all."""


@dataclass
class Report:
    """What one sweep did; the command prints it as JSON."""

    now: str
    looked: int = 0
    reached: int = 0
    registered: int = 0
    escalations: list[dict[str, object]] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)
    messages: int = 0
    sent: int = 0
    refused: int = 0

    def as_dict(self) -> dict[str, object]:
        return asdict(self)

    def add(self, chunk: Reached) -> None:
        self.looked += chunk.looked
        self.reached += len(chunk.rungs)
        self.registered += len(chunk.exceptions)
        self.exceptions += chunk.exceptions[: LISTED - len(self.exceptions)]
        self.escalations += [
            {"deadline": str(deadline), "rung": str(escalation), "told": addresses}
            for deadline, escalation, addresses in chunk.rungs[: LISTED - len(self.escalations)]
        ]


def sweep() -> Report:
    """Write every rung and exception that is due by now, then tell of them and send what waits.

    First rungs, exceptions and reminders, a few hundred deadlines a transaction; then one message a
    person; then sending. A sweep that dies anywhere leaves the rest to the next one, and nothing
    twice. Two sweeps at once share the work: each leaves the other's deadlines alone.
    """
    now = clock.now()
    report = Report(now=now.isoformat())
    Setback.objects.heed()
    while (chunk := reach(now)) is not None:
        report.add(chunk)
    report.messages = tell(now)
    report.sent, report.refused = deliver()
    return report
