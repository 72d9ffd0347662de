"""Where every page stands: its duty, its icon, and what is open there, in one query."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from django.contrib.auth.models import Group
from django.db.models import CharField, F, IntegerField, QuerySet, Value

from ecportal.accounts.models import User
from ecportal.counting import numbered


class Entry(NamedTuple):
    """What stands in the navigation: a model by its label or a page by its address, and its icon.

    `about` is the sentence under the heading; `name` stands in for the model's own plural.
    """

    key: str
    shape: str
    about: str
    name: str = ""


@dataclass(frozen=True)
class Duty:
    """A group of the navigation, named by what its pages are for."""

    slug: str
    name: str
    entries: tuple[Entry, ...]


DUTIES: Final = (
    Duty("respond", "Respond", (
        Entry("changes.emergencychange", "zap",
              "Every number is here. Nothing can be deleted; what is cancelled keeps its number."),
        Entry("incidents.incident", "siren",
              "What went wrong in production, and whether it was an emergency."),
        Entry("changes.deployment", "rocket",
              "What pipelines put into production, and the change that each belongs to."),
        Entry("changes.ticket", "ticket",
              "Tickets that look like emergencies, and the change that each belongs to."),
        Entry("reviews.followupaction", "repeat-2",
              "What reviews found must be done, each with its owner and its date."),
    )),
    Duty("assure", "Assure", (
        Entry("reviews.controlexception", "flag",
              "Each time the process was not followed. Nothing leaves this list; a Lead answers."),
        Entry("reviews.reconciliationitem", "inbox",
              "Every SEV-1 incident and every deployment outside the process must end at an "
              "emergency change, or at a reason why not.", "Reconciliation"),
        Entry("reviews.retrospectivereview", "clipboard-check",
              "Was it an emergency, was the procedure followed, and what follows from it?"),
        Entry("reviews.deadline", "timer",
              "Each is fixed when it starts; a later change of policy does not move it."),
        Entry("reviews.notice", "bell",
              "Who was told of what, when, by which channel, and with what result.", "Reminders"),
    )),
    Duty("audit", "Audit", (
        Entry("reviews.population", "sigma",
              "The complete list of a period, with the proof that nothing is missing."),
        Entry("reviews.sample", "dice-5",
              "Changes chosen from a population, so that anyone can choose them again."),
        Entry("reviews.sampleitem", "list-checks",
              "Each change of a sample, what was asked about it, and the answer."),
        Entry("reviews.evidencepack", "package",
              "Everything about a change or a sample in one file, to verify without the portal."),
        Entry("reviews/register", "chart-line", "", "Exception register"),
        Entry("reviews/duties", "scale", "", "Duties report"),
        Entry("reviews/controls", "shield-check", "", "Controls"),
        Entry("audit.auditevent", "scroll-text",
              "Everything that happened, in the order in which the server wrote it down."),
        Entry("audit.auditcheckpoint", "stamp",
              "The signed roots of the trail, for whoever verifies it from outside."),
        Entry("changes.evidenceread", "eye", "Who opened or downloaded which evidence, and when."),
    )),
    Duty("administer", "Administer", (
        Entry("accounts.user", "users", "Who may sign in, in which role, and until when."),
        Entry("auth.group", "key-round",
              "What each role may do. It is written in the code, and changed in review.", "Roles"),
        Entry("accounts.apitoken", "key",
              "What lets a program act in somebody’s name, and until when."),
        Entry("changes.delegation", "user-check",
              "Who decides for whom, and until when. A delegation never covers one’s own change."),
        Entry("incidents.system", "server", "The production systems that changes touch."),
        Entry("changes.policy", "book-open", "The company’s own numbers, as they are in force."),
        Entry("reviews.escalationrung", "alarm-clock",
              "Whom the portal reminds before a deadline, and whom after it."),
        Entry("reviews.companyholiday", "calendar-days",
              "Days on which no deadline ends, beside the country’s public holidays."),
        Entry("integrations/", "plug",
              "The systems that the portal hears and tells, and how each of them fares."),
        Entry("integrations.delivery", "webhook",
              "What other systems sent, kept as it came, and what the portal did about it."),
        Entry("outbox.message", "mail",
              "Each message that the portal wrote, to whom or where, and what became of it."),
    )),
)  # fmt: skip
"""Which duty each page belongs to; a model that is not named here is administered."""

_PLACES: Final = {entry.key: (duty, entry) for duty in DUTIES for entry in duty.entries}


def place_of(key: str) -> tuple[Duty, Entry]:
    """Return the duty and the entry of a model's label, or of a page's `app/slug`."""
    return _PLACES.get(key) or (DUTIES[-1], Entry(key, "settings", ""))


def duty_of_app(app_label: str) -> Duty:
    """Return the duty that an app's own address leads to: the first that has a part of it."""
    for duty in DUTIES:
        if any(entry.key.partition(".")[0] == app_label for entry in duty.entries):
            return duty
    return DUTIES[-1]


# --- a person's own pages -----------------------------------------------------------------------
class Link(NamedTuple):
    """A page in the menu under a person's name."""

    words: str
    address: str
    shape: str
    shown_to: Callable[[User], bool]


links: list[Link] = []


# --- what is open -------------------------------------------------------------------------------
Owed = Callable[[User], list[QuerySet[Any]]]
_owed: list[Owed] = []


def owed(find: Owed) -> Owed:
    """Register the decorated function as the source of what waits for a person: “My work”."""
    _owed.append(find)
    return find


class Standing(NamedTuple):
    """Who somebody is, and how much is open for them: role names, numbers by key."""

    roles: tuple[str, ...]
    waiting: int
    open: Mapping[str, int]


def standing(person: User, open_items: Mapping[str, QuerySet[Any]]) -> Standing:
    """Return the person's roles, what waits for them, and how many of these are open: one query."""
    roles = Group.objects.filter(user=person).order_by().annotate(
        about=Value("", CharField()), named=F("name"), number=Value(0, IntegerField())
    ).values_list("about", "named", "number")  # fmt: skip
    counted = [numbered(key, found) for key, found in open_items.items()]
    counted += [numbered("", found) for find in _owed for found in find(person)]
    names, waiting, numbers = [], 0, {}
    for key, name, number in roles.union(*counted, all=True) if counted else roles:
        if name:
            names.append(name)
        elif key:
            numbers[key] = number
        else:
            waiting += number
    return Standing(tuple(sorted(names)), waiting, numbers)
