"""Plays the outages: each act by its person at its time, and a sweep whenever something is due."""

import hashlib
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from heapq import heappop, heappush
from typing import Any

from changes.lifecycle import CHANGES
from changes.models import EmergencyChange
from ecportal import clock
from ecportal.accounts.models import User
from incidents.lifecycle import INCIDENTS
from incidents.models import Incident, System
from reviews.business_days import company_calendar
from reviews.demo.script import Change, DaysAgo, LastBusinessDay, Now, Outage, Step
from reviews.ladder import due_time
from reviews.lifecycle import EXCEPTIONS, FOLLOW_UPS, REVIEWS
from reviews.models import Deadline, EscalationRung, OpenReminder
from reviews.sweep import sweep

SWEEP_LAG = timedelta(seconds=30)
"""How long after something is due the sweep of a running portal finds it, on average."""

ABOUT = (
    "Published report: {url} (the outage began {date} {began} {zone}). Times are those of the "
    "published report, shifted; the people and decisions are invented for this demo."
)
PEOPLE = frozenset({"approver", "asked_approver", "owner", "person"})
DECISIONS = frozenset({"approve", "reject", "approve_retroactively", "reject_retroactively"})

Track = Iterator[datetime]


def clock_time(when: str) -> timedelta:
    """Return a time of the report's clock, such as "+1 18:14", since the midnight of its day."""
    days, _, hours = when.rpartition(" ")
    hour, minute = hours.split(":")
    return timedelta(days=int(days or 0), hours=int(hour), minutes=int(minute))


class Player:
    """Plays up to `now` and never beyond; one use each."""

    def __init__(self, people: dict[str, User], now: datetime) -> None:
        self.people = people
        self.now = now
        self.time = now
        self.calendar = company_calendar()
        self.today = now.astimezone(self.calendar.zone).date()
        self.systems = {system.name: system for system in System.objects.all()}
        self.rungs = list(EscalationRung.objects.filter(status=EscalationRung.Status.IN_USE))

    def play(self, outages: tuple[Outage, ...]) -> None:
        """Play all outages in the order of time, each act when it was its turn."""
        queue: list[tuple[datetime, int, Track]] = []
        for track in [track for outage in outages for track in self._tracks(outage)]:
            heappush(queue, (next(track), len(queue), track))
        self.time = queue[0][0]
        while queue:
            moment, order, track = heappop(queue)
            if not self.time <= moment <= self.now:
                raise ValueError(f"An act at {moment} is out of turn.")
            self._sweep_until(moment)
            with clock.at(moment):
                following = next(track, None)
            if following is not None:
                heappush(queue, (following, order, track))
        self._sweep_until(self.now)

    # --- time ---------------------------------------------------------------------------------
    def _midnight(self, outage: Outage) -> datetime:
        """Return the midnight from which the outage's report counts, shifted to these weeks."""
        if isinstance(outage.placed, Now):
            return self.now - clock_time(outage.placed.when)
        if isinstance(outage.placed, DaysAgo):
            day = self.today - timedelta(days=outage.placed.days)
        else:
            assert isinstance(outage.placed, LastBusinessDay)
            day = self.calendar.previous_business_day(self.today)
        began = clock_time(outage.began)
        local = datetime.combine(day, time.min, self.calendar.zone) + began
        return local.astimezone(UTC) - began

    def _moment(self, when: str, midnight: datetime, change: EmergencyChange | None) -> datetime:
        relative = re.fullmatch(r"([a-z]+)([+-]\d+)h", when)
        if relative is None:
            return midnight + clock_time(when)
        assert change is not None
        deadline = change.deadlines.filter(kind=relative[1]).latest("pk")
        return deadline.due_at + timedelta(hours=int(relative[2]))

    def _sweep_until(self, moment: datetime) -> None:
        while (due := self._next_due()) is not None:
            at = max(due, self.time) + SWEEP_LAG
            if at > moment:
                break
            self.time = at
            with clock.at(at):
                sweep()
        self.time = moment

    def _next_due(self) -> datetime | None:
        """Return when the next rung is due that was not reached, or somebody's quiet hours end."""
        held = OpenReminder.objects.values_list("held_until", flat=True)
        dues = [moment for moment in held if moment is not None]
        for deadline in Deadline.objects.running().prefetch_related("escalations"):
            reached = {escalation.rung_id for escalation in deadline.escalations.all()}
            dues += [
                due_time(deadline, rung, self.calendar)
                for rung in self.rungs
                if rung.kind == deadline.kind and rung.pk not in reached
            ]
        return min(dues, default=None)

    # --- incidents ----------------------------------------------------------------------------
    def _tracks(self, outage: Outage) -> Iterator[Track]:
        incident = Incident(
            title=outage.title,
            description=outage.description,
            severity=outage.severity,
            source_url=outage.url,
        )
        midnight = self._midnight(outage)
        incident.began_at = midnight + clock_time(outage.began)
        yield self._incident_track(outage, incident, midnight)
        for change in outage.changes:
            yield self._change_track(outage, change, incident, midnight)

    def _incident_track(self, outage: Outage, incident: Incident, midnight: datetime) -> Track:
        recorded = midnight + clock_time(outage.recorded)
        reporter = self.people[outage.determined.who]
        yield recorded
        INCIDENTS.perform(
            incident, "record", by=reporter, reason="The on-call Engineer was paged.",
            systems=[self.systems[name] for name in outage.systems],
        )  # fmt: skip
        about = ABOUT.format(url=outage.url, date=outage.date, began=outage.began, zone=outage.zone)
        INCIDENTS.perform(incident, "note", by=reporter, reason=about)
        for moment, deed in self._events(outage, incident, midnight, recorded):
            if moment <= self.now:
                yield moment
                deed()

    def _events(
        self, outage: Outage, incident: Incident, midnight: datetime, recorded: datetime
    ) -> list[tuple[datetime, Callable[[], Any]]]:
        """Return what happened with the incident: published notes, determination, end."""
        reporter = self.people[outage.determined.who]

        def does(verb: str, by: User, reason: str, happened: datetime, **data: Any) -> Any:
            return lambda: INCIDENTS.perform(
                incident, verb, by=by, reason=reason, happened_at=happened, **data
            )

        events = []
        for when, text in outage.published:
            happened = midnight + clock_time(when)
            events.append((max(happened, recorded), does("note", reporter, text, happened)))
        determined = outage.determined
        moment = midnight + clock_time(determined.when)
        events.append(
            (moment, does("determine", reporter, determined.text, moment, **determined.data))
        )
        if outage.resolved:
            moment = midnight + clock_time(outage.resolved)
            events.append((moment, does("resolve", reporter, "The report says so.", moment)))
        return sorted(events, key=lambda event: event[0])

    # --- changes ------------------------------------------------------------------------------
    def _change_track(
        self, outage: Outage, script: Change, incident: Incident, midnight: datetime
    ) -> Track:
        change = EmergencyChange(
            title=script.title,
            scope=script.scope,
            risk=script.risk,
            risk_assessment=script.risk_assessment,
            rollback_plan=script.rollback_plan,
            confidential=script.confidential,
        )
        names = script.systems or outage.systems
        for step in script.steps:
            yield self._moment(step.when, midnight, change)
            data = self._data(step)
            if step.verb == "open":
                change.incident = incident
                change.determination = incident.determinations.get()
                data["systems"] = [self.systems[name] for name in names]
            if step.happened:
                data["happened_at"] = midnight + clock_time(step.happened)
            self._perform(step, change, data)

    def _data(self, step: Step) -> dict[str, Any]:
        """Return the step's data with people, days and hashes filled in; days count from today."""
        data: dict[str, Any] = {
            name: self.people[value] if name in PEOPLE else value
            for name, value in step.data.items()
        }
        if "catch_up_on" in data:
            data["catch_up_on"] = self._day(data["catch_up_on"])
        if "follow_ups" in data:
            data["follow_ups"] = [
                {"title": title, "owner": self.people[owner], "due_on": self._day(due)}
                for title, owner, due in data["follow_ups"]
            ]
        if "text" in data:
            content = data["text"].encode()
            data |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        return data

    def _day(self, days: int) -> date:
        return self.today + timedelta(days=days)

    def _perform(self, step: Step, change: EmergencyChange, data: dict[str, Any]) -> None:
        person = self.people[step.who]
        act = {"by": person, "reason": step.text, **data}
        verb, _, which = step.verb.partition(":")
        if verb == "review":
            REVIEWS.perform(change.review, "complete", **act)
        elif verb == "answer":
            EXCEPTIONS.perform(change.exceptions.get(kind=which), verb, **act)
        elif verb == "complete":
            FOLLOW_UPS.perform(change.follow_ups.get(), verb, **act)
        else:
            if verb in DECISIONS:
                act["fingerprint"] = change.fingerprint()
            CHANGES.perform(change, verb, **act)
