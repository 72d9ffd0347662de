"""`manage.py audit_seal`: seals what waits, once or for as long as it runs."""

import logging
import signal
import threading
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connection

from ecportal import clock
from ecportal.audit import agreement, heartbeat, keys, notes, sealer, succession

logger = logging.getLogger(__name__)

LONGEST_PAUSE: Final = 1.0  # seconds, whatever --loop asks: decisions are sealed at once
FULL_LOOK: Final = 3600.0  # seconds between looks for stragglers of any age
OUTAGES: Final = (Error, OSError)  # of the database, and of the disk


class Command(BaseCommand):
    help = "Gives each event of the audit trail its place in the tree and signs the tree's root."
    # The checks look at the database, which may be away for a while when a service starts.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--loop",
            type=float,
            metavar="SECONDS",
            help="go on until stopped, looking this often; a second is the longest pause",
        )
        parser.add_argument(
            "--full", action="store_true", help="look for unsealed events of any age"
        )
        parser.add_argument(
            "--recover", action="store_true", help="write the lost state file anew; seals nothing"
        )
        parser.add_argument(
            "--checkpoint", type=Path, metavar="FILE", help="for --recover: notes from elsewhere"
        )

    def handle(
        self,
        *args: Any,
        loop: float | None,
        full: bool,
        recover: bool,
        checkpoint: Path | None,
        verbosity: int = 1,
        **options: Any,
    ) -> None:
        if recover != (checkpoint is not None) or (recover and (full or loop is not None)):
            raise CommandError(
                "--recover and --checkpoint FILE go together, and with nothing else."
            )
        if loop is not None and not 0.05 <= loop <= 3600:
            raise CommandError("--loop takes seconds, from 0.05 on.")
        try:
            if checkpoint is not None:
                frontier = succession.recover(checkpoint.read_text())
                said = f"The state is recovered: {frontier.size} leaves."
            elif loop is not None:
                said = _Loop(min(loop, LONGEST_PAUSE)).run()
            else:
                done = _once(full, beat=heartbeat.heartbeat_is_due())
                said = f"Sealed {done.count} events; the log has {done.size} leaves."
        except (keys.KeyMissing, agreement.WillNotSign, notes.NoteRejected) as error:
            raise CommandError(str(error)) from None
        except (*OUTAGES, UnicodeDecodeError) as error:
            raise CommandError(f"Nothing was sealed: {_reason(error)}") from None
        if verbosity:
            self.stdout.write(said)


def _once(full: bool, *, beat: bool, stop: threading.Event | None = None) -> sealer.Sealed:
    """Seal what waits, then a heartbeat: a log that contradicts the state gets none."""
    first = sealer.seal(full=full, stop=stop)
    if not beat:
        return first
    heartbeat.heartbeat()
    then = sealer.seal(stop=stop)
    return sealer.Sealed(first.count + then.count, then.size, then.note or first.note)


class _Loop:
    """Seals until a signal comes; waits where the database is away, and says so once."""

    def __init__(self, pause: float) -> None:
        self.pause = pause
        self.stop = threading.Event()
        self.trouble = ""
        self.full_look_due = 0.0  # on the monotonic clock
        self.day = ""

    def run(self) -> str:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop.set())
        while not self.stop.is_set():
            try:
                self._look()
            except OUTAGES as error:
                self._wait_out(error)
            else:
                self._say_that_it_is_back()
            self.stop.wait(self.pause)
        return "The sealer has stopped."

    def _look(self) -> None:
        today = clock.real().date().isoformat()
        if today != self.day:
            _once(True, beat=True, stop=self.stop)
        elif time.monotonic() >= self.full_look_due:
            sealer.seal(full=True, stop=self.stop)
        else:
            if sealer.something_waits():
                sealer.seal(stop=self.stop)
            return
        self.day, self.full_look_due = today, time.monotonic() + FULL_LOOK

    def _wait_out(self, error: Exception) -> None:
        reason = _reason(error)
        if reason != self.trouble:
            logger.error("The sealer waits: %s", reason)
        self.trouble = reason
        connection.close()
        self.stop.wait(LONGEST_PAUSE)

    def _say_that_it_is_back(self) -> None:
        if self.trouble:
            logger.error("The sealer goes on.")
            self.trouble = ""


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
