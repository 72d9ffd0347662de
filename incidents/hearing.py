"""What follows from what other systems say of incidents: each value as it was told last.

Events come twice, late and in any order. So every value of an incident is kept with the sender's
time of it, and the newest stands, whichever came last; a value that a person has changed since is
theirs. The incident is then the same whatever the order of arrival was.
"""

import json
from datetime import UTC, datetime
from typing import Any, Final

from django.db.models import QuerySet

from ecportal import clock
from ecportal.accounts.models import User
from ecportal.integrations.facts import IncidentHeard
from ecportal.integrations.hearing import Unlinked, hears
from ecportal.integrations.models import RemoteObject
from ecportal.integrations.models import System as Sender
from ecportal.integrations.remote import MARKER
from incidents import intake
from incidents.lifecycle import INCIDENTS
from incidents.models import Incident

INCIDENT, ALERT, NOTE = "incident", "alert", "note"
OPEN, RESOLVED = "open", "resolved"
STATUS: Final = {"opened": OPEN, "reopened": OPEN, "resolved": RESOLVED, "merged": RESOLVED}
AT_ONCE: Final = 500
"""Keys that are looked up by one query."""

VALUES: Final = ("title", "description", "severity", "source_url")
UNSAID: Final = {
    "title": "",
    "description": "",
    "severity": Incident.Severity.SEV1,
    "source_url": "",
}


@hears(IncidentHeard)
def hear_incident(fact: IncidentHeard) -> str:
    """Record the incident, or change what is newer than what was heard before; say what was done.

    Raises Unlinked for a fact about an incident that is not known and of which it does not say
    enough, TransitionRefused where the incident was cancelled.
    """
    return " ".join(hear(fact).done)


def hear(fact: IncidentHeard) -> "Hearer":
    """Do the same; return the hearer, which has the incident. Must run in a transaction."""
    remote = _held(fact)
    hearer = Hearer(fact, remote)
    if remote.thread:
        hearer.incident = _for_us().get(number=remote.thread)
        hearer.follow_values()
    else:
        hearer.begin()
    hearer.write_note()
    hearer.follow_status()
    hearer.keep()
    return hearer


def _held(fact: IncidentHeard) -> RemoteObject:
    """Return the object that the fact is about, locked; a new one where it is not known yet."""
    rows = RemoteObject.objects.select_for_update(of=("self",))
    aliases = [_key(key) for key in fact.also_keys]
    alias = RemoteObject.objects.filter(system=fact.system, kind=ALERT, key__in=aliases).first()
    if alias is not None:
        known = rows.filter(system=fact.system, kind=INCIDENT, thread=alias.thread).first()
        if known is not None:
            return known
    remote, _new = RemoteObject.objects.get_or_create(
        system=fact.system, kind=INCIDENT, key=_key(fact.key),
        defaults={"recorded_at": clock.now()},
    )  # fmt: skip
    return rows.get(pk=remote.pk)


def _for_us() -> "QuerySet[Incident]":
    """Return the incidents, to be locked: what follows is worked out of the row that is read."""
    return Incident.objects.select_for_update(of=("self",), no_key=True)


def _key(key: str) -> str:
    return intake.source_key(intake.plain(key))


class Hearer:
    """Follows one fact into one incident."""

    incident: Incident

    def __init__(self, fact: IncidentHeard, remote: RemoteObject) -> None:
        self.fact, self.remote = fact, remote
        self.now = clock.now()
        self.at = min(fact.at, self.now)
        self.sender = Sender(fact.system).label
        self.system = User.objects.system()
        self.heard: dict[str, Any] = remote.heard
        self.done: list[str] = []

    # --- values ---------------------------------------------------------------------------------
    def begin(self) -> None:
        """Record the incident, or take up one that was recorded before anything was heard of it."""
        source, key = intake.SOURCES[Sender(self.fact.system)], _key(self.fact.key)
        there = _for_us().filter(source=source, source_key=key).first()
        if there is None and not (self.fact.title and self.fact.opens):
            raise Unlinked(
                f"The portal has no incident for {self.sender} {key[:100]}, and this event alone "
                "does not make one."
            )
        if there is not None:
            self._take_up(there)
            return
        told = intake.told(self.fact, self.now)
        values = {name: getattr(told, name) for name in VALUES if getattr(told, name)}
        self.incident = INCIDENTS.perform(
            Incident(source=source, source_key=key, began_at=told.began_at, **values),
            "record",
            by=self.system,
            reason=f"{self.sender} alert {key}.",
            happened_at=self.at,
            systems=list(told.systems),
        )
        for name, value in values.items():
            self._is_news(name, value)
        self.heard["systems"] = sorted(system.pk for system in told.systems)
        self._did(f"Recorded {self.incident.number}.")

    def _take_up(self, incident: Incident) -> None:
        self.incident = incident
        long_ago = _stamp(incident.recorded_at)
        for name in VALUES:
            self.heard[name] = [min(long_ago, _stamp(self.at)), getattr(incident, name)]
        self.heard["systems"] = sorted(link.system_id for link in incident.affected.all())
        self.follow_values()
        self._did(f"It is {incident.number}.")

    def follow_values(self) -> None:
        """Take over what is newer, save where a person has changed the value since."""
        incident = self.incident
        told = intake.told(self.fact, self.now)
        values = {name: getattr(incident, name) for name in VALUES}
        changed = []
        for name in VALUES:
            value, before = getattr(told, name), self.heard.get(name)
            if not value or not self._is_news(name, value):
                continue
            theirs = values[name] != (UNSAID[name] if before is None else before[1])
            if not theirs and values[name] != value:
                values[name] = value
                changed.append(name.replace("source_url", "link"))
        systems = self._systems(told, changed)
        began_at = min(told.began_at, incident.began_at) if told.title else incident.began_at
        if began_at < incident.began_at:
            changed.append("beginning")
        if changed:
            INCIDENTS.perform(
                incident, "revise", by=self.system, happened_at=self.at, began_at=began_at,
                reason=f"{self.sender} says otherwise: {', '.join(changed)}.",
                systems=systems, **values,
            )  # fmt: skip
            self._did(f"Changed {', '.join(changed)} of {incident.number}.")

    def _systems(self, told: intake.Told, changed: list[str]) -> list[Any]:
        """Return the systems of the incident with those that are named for the first time."""
        heard = set(self.heard.get("systems", ()))
        named = [link.system for link in self.incident.affected.select_related("system")]
        new = [one for one in told.systems if one.pk not in heard and one not in named]
        self.heard["systems"] = sorted(heard | {system.pk for system in told.systems})
        if new:
            changed.append("systems")
        return [*named, *new]

    def _is_news(self, name: str, value: Any) -> bool:
        """Whether it was told later than what stands; of two at one time, the same one stands."""
        news, before = [_stamp(self.at), value], self.heard.get(name)
        if before is not None and _order(news) <= _order(before):
            return False
        self.heard[name] = news
        return True

    # --- notes ----------------------------------------------------------------------------------
    def write_note(self) -> None:
        fact = self.fact
        if fact.note:
            self._note(fact.note, fact.note_key or f"{fact.event} {fact.key} {_stamp(self.at)}")
        if fact.event == "merged":
            into = fact.merged_into
            known = RemoteObject.objects.filter(
                system=fact.system, kind=INCIDENT, key=_key(into)
            ).first()
            number = f" ({known.thread})" if known is not None and known.thread else ""
            words = f"{self.sender} merged this into its incident {into}{number}."
            self._note(words, f"merged {fact.key} {into}")

    def _note(self, words: str, key: str) -> None:
        words = intake.note(words)
        if not words or MARKER.search(words):
            return
        _row, new = RemoteObject.objects.get_or_create(
            system=self.fact.system, kind=NOTE, key=_key(key),
            defaults={"thread": self.incident.number, "recorded_at": self.now},
        )  # fmt: skip
        if new:
            INCIDENTS.perform(
                self.incident, "note", by=self.system, reason=words, happened_at=self.at
            )
            self._did(f"Added a note to {self.incident.number}.")

    # --- status ---------------------------------------------------------------------------------
    def follow_status(self) -> None:
        """Resolve or reopen it where this is newer than what was heard, and than what people did.

        Where the end of a pause was not heard of, the incident ends anew when it ended last.
        """
        wanted = STATUS.get(self.fact.event)
        if wanted is None or not self._is_news("status", wanted):
            return
        incident, by, since = self.incident, *self._last_turn()
        if since is not None and by != self.system.pk and since >= self.at:
            return
        if wanted == OPEN:
            if incident.status == RESOLVED:
                self._turn("reopen")
            return
        ended_at = incident.resolved_at
        if ended_at is not None and ended_at < self.at and by == self.system.pk:
            self._turn("reopen")
        if incident.status != RESOLVED:
            self._turn("resolve")

    def _last_turn(self) -> tuple[int | None, datetime | None]:
        """Return who last resolved or reopened it, and when that was recorded."""
        turns = self.incident.history.filter(history_verb__in=("resolve", "reopen"))
        last = turns.order_by("-history_id").values_list("history_user_id", "history_date").first()
        return last or (None, None)

    def _turn(self, verb: str) -> None:
        who = f" by {self.fact.person}" if self.fact.person else ""
        said = "resolved" if verb == "resolve" else "open again"
        INCIDENTS.perform(
            self.incident, verb, by=self.system,
            reason=intake.plain(f"{self.sender} says that it is {said}{who}."),
            happened_at=max(self.at, self.incident.began_at),
        )  # fmt: skip
        self._did(f"{'Resolved' if verb == 'resolve' else 'Reopened'} {self.incident.number}.")

    # --- the end --------------------------------------------------------------------------------
    def keep(self) -> None:
        """Keep what was heard beside the object."""
        number, link = self.incident.number, intake.plain(self.fact.url).strip()
        remote = self.remote
        remote.thread, remote.heard = number, self.heard
        if intake.fits(link):
            remote.url = link
        if self.done:
            remote.heard_until = max(filter(None, (remote.heard_until, self.at)))
        remote.save()
        self._keep_aliases(number)

    def _keep_aliases(self, number: str) -> None:
        """Keep what is not known yet of the further keys; a group may have thousands."""
        system = self.fact.system
        keys = list(dict.fromkeys(_key(alias) for alias in self.fact.also_keys))
        for start in range(0, len(keys), AT_ONCE):
            some = keys[start : start + AT_ONCE]
            rows = RemoteObject.objects.filter(system=system, kind=ALERT, key__in=some)
            known = set(rows.values_list("key", flat=True))
            about = {"system": system, "kind": ALERT, "thread": number, "recorded_at": self.now}
            new = [RemoteObject(key=key, **about) for key in some if key not in known]
            RemoteObject.objects.bulk_create(new, ignore_conflicts=True)

    def _did(self, sentence: str) -> None:
        self.done.append(sentence)


def _stamp(moment: datetime) -> str:
    """Return a time as text whose order is the order of times."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"


def _order(told: list[Any]) -> tuple[str, str]:
    return told[0], json.dumps(told[1], sort_keys=True)
