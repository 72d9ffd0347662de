"""What is heard from other systems, in words that no single system owns; times are aware."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that `system` said happened at `at` by its own clock, under its own `key`.

    `at` may lie in the future of this server, whose clock then stands for it.
    """

    system: str
    key: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class IncidentHeard(Fact):
    """An incident or alert over there began, changed or ended.

    `event` is one of opened, changed, acknowledged, noted, resolved, reopened, merged. What is
    None or empty was not said, and changes nothing. `severity` is 1 to 4, 1 the worst. With a
    `title` it tells enough for an incident that is not known yet, unless `opens` is false.
    `also_keys` are further keys of the same thing: whichever of them is known, it is that one.
    `note` is written down once for each `note_key`.
    """

    event: str
    title: str = ""
    description: str = ""
    severity: int | None = None
    url: str = ""
    began_at: datetime | None = None
    system_names: tuple[str, ...] = ()
    person: str = ""
    note: str = ""
    note_key: str = ""
    merged_into: str = ""
    also_keys: tuple[str, ...] = ()
    opens: bool = True


@dataclass(frozen=True, kw_only=True)
class DeploymentHeard(Fact):
    """A pipeline deployed something.

    `status` is one of pending, running, succeeded, failed, canceled, rolled_back. `mentions` is
    every text in which the number of a change may stand: commit message, branch, tag, payload.
    """

    status: str
    environment: str = ""
    commit: str = ""
    branch: str = ""
    tag: str = ""
    actor: str = ""
    url: str = ""
    description: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    system_names: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TicketHeard(Fact):
    """A ticket was opened, changed, commented on or deleted (`event`)."""

    event: str
    url: str = ""
    summary: str = ""
    issue_type: str = ""
    labels: tuple[str, ...] = ()
    status: str = ""
    created_at: datetime | None = None
    person: str = ""
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ActionHeard(Fact):
    """Somebody pressed a button in a chat, under a message about the record `number`.

    `verb` is what the button does, `fingerprint` that of what the message showed. `team` and
    `user` are the chat's identifiers of who pressed it, `channel` and `thread` those of where.
    """

    verb: str
    number: str
    fingerprint: str
    team: str
    user: str
    channel: str
    thread: str
