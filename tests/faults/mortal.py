"""Relays that die at a chosen point, as if killed: nothing after it happens, nor is committed."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.mail import EmailMessage
from django.db import connection

from ecportal.outbox.publishing import deliver
from ecportal.outbox.smtp import EmailBackend

_here = threading.local()


class Killed(BaseException):
    """No `except Exception` sees it, as none sees a SIGKILL."""


@dataclass(frozen=True)
class Fate:
    """When a relay dies: at its nth statement to the database, or about its nth mail."""

    point: str
    number: int

    def __repr__(self) -> str:
        return f"dies {self.point} {self.number}"


LIVES = Fate("never", 0)


def reach(point: str) -> None:
    """Die if the relay of this thread is to die here."""
    fate, counts = getattr(_here, "fate", LIVES), getattr(_here, "counts", {})
    counts[point] = counts.get(point, 0) + 1
    if (fate.point, fate.number) == (point, counts[point]):
        raise Killed


class MortalBackend(EmailBackend):
    """The portal's own way to the mail server, on which a relay may die before or after a mail."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        reach("before mail")
        number = super().send_messages(email_messages)
        reach("after mail")
        return number


def _at_statement(execute: Any, *arguments: Any) -> Any:
    reach("at statement")
    return execute(*arguments)


def relay(fate: Fate) -> bool:
    """Deliver once on this thread's connection; return whether the relay lived to the end."""
    _here.fate, _here.counts = fate, {}
    try:
        with connection.execute_wrapper(_at_statement):
            deliver()
    except Killed:
        return False
    finally:
        _here.fate = LIVES
    return True
