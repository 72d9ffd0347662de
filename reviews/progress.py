"""How far through the seven steps one change is, as a list shows it."""

from dataclasses import dataclass
from datetime import datetime

from changes.models import EmergencyChange
from reviews.stepper import seven_steps
from reviews.steps import DONE, FLAGGED, NOW, REJECTED, Step


@dataclass(frozen=True)
class Progress:
    """How far a change is: the step it is at, and a dot for each of the seven.

    A dot is `done`, `flagged` (done, but not as it should be), `now`, `overdue` or `ahead`.
    """

    at: Step
    dots: tuple[str, ...]
    remark: str

    @property
    def words(self) -> str:
        return f"{self.at.number} of {len(self.dots)}, {self.at.verb}"


def progress(change: EmergencyChange, moment: datetime) -> Progress:
    """Return how far the change is at `moment`; reads what `seven_steps` reads."""
    steps = seven_steps(change)
    late = any(step.due_at is not None and step.due_at < moment for step in steps)
    now = "overdue" if late else "now"
    shown = {DONE: "done", FLAGGED: "flagged", REJECTED: "flagged", NOW: now}
    flaws = [f"{step.verb}: {step.note}" for step in steps if shown.get(step.state) == "flagged"]
    return Progress(
        _standing(steps),
        tuple(shown.get(step.state, "ahead") for step in steps),
        ". ".join(["Overdue"] * late + flaws),
    )


def _standing(steps: list[Step]) -> Step:
    """Return the step that the change is at, or at which it was rejected; else the last one."""
    by_state = {step.state: step for step in reversed(steps)}
    return by_state.get(NOW) or by_state.get(REJECTED) or steps[-1]
