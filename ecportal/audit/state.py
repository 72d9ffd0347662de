"""What a page says of the trail as a whole: sealed, verified, protected, and copied elsewhere."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ecportal import clock
from ecportal.audit import badge, copies, kinds, protection, words
from ecportal.audit.contents import Content
from ecportal.audit.models import AuditCheckpoint, AuditEvent, AuditLeaf

STALE: Final = timedelta(hours=3)
"""A verification runs every hour; after this time something keeps it from running."""


@dataclass(frozen=True)
class State:
    """How far the trail is sealed, verified and copied, and the triggers as they stand now."""

    verified: badge.Verification | None
    heartbeat_at: datetime | None
    heartbeat: str
    triggers: list[str]
    """A sentence for each that is missing or altered."""
    newest: AuditLeaf | None
    waiting: int
    """How many events were written after the newest sealed one."""
    signed: AuditCheckpoint | None
    copy: copies.Copy | None
    copies_leave: bool

    @property
    def sealed(self) -> int:
        return 0 if self.newest is None else self.newest.idx + 1

    @property
    def not_covered(self) -> int:
        """How many sealed events the newest outside copy says nothing of."""
        return self.sealed - (self.copy.size if self.copy else 0)

    @property
    def since_verified(self) -> int:
        """How many sealed events came after the newest verification."""
        return max(0, self.sealed - (self.verified.size if self.verified else 0))

    @property
    def is_broken(self) -> bool:
        return bool(self.triggers) or (self.verified is not None and not self.verified.is_clean)

    @property
    def is_stale(self) -> bool:
        at = self.verified.at if self.verified else None
        return at is None or clock.real() - at > STALE

    @property
    def tone(self) -> str:
        if self.is_broken:
            return "bad"
        return "mute" if self.verified is None or self.is_stale else "ok"

    @property
    def words(self) -> str:
        """Return the state of the whole in one line."""
        verified = self.verified
        if verified is not None and not verified.could_run:
            return "The verification could not run"
        if verified is not None and not verified.is_clean:
            return "The seal is broken: a verification found something"
        if self.triggers:
            return "Not protected: the database would let the trail be changed"
        if verified is None:
            return "Sealed, not verified yet" if self.sealed else "Nothing is sealed yet"
        whole = f"{verified.size:,} events, none missing, none altered"
        return (
            f"Sealed, the check is old: {whole}"
            if self.is_stale
            else f"Sealed and unbroken: {whole}"
        )


def state_of_the_trail() -> State:
    """Return what the trail's pages say of the whole; up to ten queries, whatever its length."""
    verified, beat = badge.newest(kinds.VERIFY), badge.newest(kinds.SEAL)
    content: Any = Content.of(beat) if beat else None
    newest = AuditLeaf.objects.order_by("-idx").first()
    return State(
        badge.Verification.told_by(verified) if verified else None,
        content.at if content else None,
        words.sentence(content, {}, {}) if content else "",
        protection.findings(),
        newest,
        AuditEvent.objects.filter(pk__gt=newest.event_id if newest else 0).count(),
        AuditCheckpoint.objects.order_by("-pk").first(),
        copies.newest(),
        copies.leave_at_all(),
    )
