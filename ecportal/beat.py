"""The scheduler of what runs each minute, which a clock that is set back does not stop."""

from datetime import timedelta
from typing import Any

from celery.beat import PersistentScheduler

LONG_AGO = timedelta(days=1)


class SteadyScheduler(PersistentScheduler):
    """Celery's own, except that a last run in the future counts as one of long ago.

    Celery's waits until the clock has caught up, and sends nothing meanwhile.
    """

    def tick(self, *arguments: Any, **options: Any) -> float:
        now = self.app.now()
        ahead = [entry for entry in self.schedule.values() if entry.last_run_at > now]
        for entry in ahead:
            entry.last_run_at = now - LONG_AGO
        if ahead:
            self._heap = None  # its times are of the clock as it was; built anew by the next line
        return super().tick(*arguments, **options)  # type: ignore[no-any-return]
