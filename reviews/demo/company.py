"""The demo's people, systems and delegations, and the password that all of them share."""

import os
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.contrib.auth.models import Group

from changes.lifecycle import DELEGATIONS
from changes.models import Delegation
from ecportal import clock
from ecportal.accounts import roles
from ecportal.accounts.lifecycle import LIFECYCLE as PEOPLE
from ecportal.accounts.models import User
from ecportal.environment import Environment
from ecportal.lifecycle import Act
from incidents.lifecycle import SYSTEMS
from incidents.models import System
from reviews.demo.script import AUDITOR, ENGINEER, ENGINEER2, LEAD, LEAD2, ROLE_ADMIN

ACCOUNTS: Final = {
    ROLE_ADMIN: ("Amara", "Okafor", roles.ROLE_ADMINISTRATOR),
    LEAD: ("Marcus", "Hale", roles.LEAD),
    LEAD2: ("Elena", "Kowalczyk", roles.LEAD),
    ENGINEER: ("Priya", "Nair", roles.ENGINEER),
    ENGINEER2: ("Tomasz", "Zieliński", roles.ENGINEER),
    AUDITOR: ("Jonas", "Weber", roles.AUDITOR),
}

SERVICES: Final = {
    "backbone": "Private network between the data centers",
    "cdn-edge": "Content delivery at the edge",
    "certificate-authority": "Issues and renews certificates",
    "checkout": "Carts, payments and orders",
    "dns-resolver": "Public DNS resolver",
    "edge-network": "Routers and load balancers of the busiest locations",
    "edge-waf": "Web application firewall in front of every site",
    "endpoint-agent": "Security agent on every workstation",
    "gitlab-postgres": "Primary database of the code hosting",
    "log-pipeline": "Collects and searches the logs of all services",
    "mysql-metadata": "Metadata of repositories, issues and pull requests",
    "order-router": "Routes equity orders to the exchanges",
    "question-site": "The public question and answer site",
    "s3-index": "Index and placement of the object storage",
    "service-control": "Authorizes each API request by policy and quota",
    "status-page": "Tells customers which services work",
    "table-store": "Key-value database as a service",
    "user-id": "Accounts, sessions and tokens of all products",
    "web-tier": "Web servers of the messaging product",
}


def address(username: str) -> str:
    return f"{username}@example.test"


def password() -> str:
    """Return the demo's password: DEMO_PASSWORD, else the one kept in the var folder."""
    kept = Environment({}, settings.VAR_DIR).kept
    return os.environ.get("DEMO_PASSWORD") or kept("demo-password", 9)


def found(secret: str) -> dict[str, User]:
    """Make accounts, systems and delegations through their lifecycles; return people by user name.

    The first Role Administrator is the system account's doing: nobody else could be asked.
    """
    administrator = _first_administrator(secret)
    people = {ROLE_ADMIN: administrator}
    for username, (first, last, role) in ACCOUNTS.items():
        if username != ROLE_ADMIN:
            person = User(username=username, date_joined=clock.now())
            person.first_name, person.last_name = first, last
            person.email = address(username)
            reason = f"{first} {last} joined the team."
            PEOPLE.perform(person, "enroll", by=administrator, reason=reason, password=secret)
            group = Group.objects.get(name=role)
            PEOPLE.perform(person, "assign_role", by=administrator, reason=reason, role=group)
            people[username] = User.objects.get(pk=person.pk)
    for name, description in SERVICES.items():
        system = System(name=name, description=description)
        SYSTEMS.perform(system, "register", by=people[LEAD], reason="It runs in production.")
    return people


def _first_administrator(secret: str) -> User:
    first, last, role = ACCOUNTS[ROLE_ADMIN]
    person = User(username=ROLE_ADMIN, first_name=first, last_name=last, date_joined=clock.now())
    person.email = address(ROLE_ADMIN)
    person.set_password(secret)
    _act("enroll", "The first Role Administrator of the demo.").save(person)
    person.groups.add(Group.objects.get(name=role))
    return User.objects.get(pk=person.pk)


def delegate(people: dict[str, User], midnight: datetime) -> None:
    """Let the second Lead delegate twice: a holiday that is over, and one system at present."""
    day = timedelta(days=1)
    for reason, begins, ends, systems in (
        ("On holiday; Tomasz was my deputy before.", -16, -11, ()),
        ("At a conference; Tomasz runs the firewall.", -1, 6, ("edge-waf",)),
    ):
        DELEGATIONS.perform(
            Delegation(
                delegate=people[ENGINEER2],
                begins_at=midnight + begins * day,
                ends_at=midnight + ends * day,
            ),
            "delegate",
            by=people[LEAD2],
            reason=reason,
            systems=System.objects.filter(name__in=systems),
        )


def follow_password(secret: str) -> int:
    """Give each of the demo's accounts this password; return how many had another one."""
    changed = 0
    for person in User.objects.filter(username__in=ACCOUNTS, email__endswith="@example.test"):
        if not person.check_password(secret):
            person.set_password(secret)
            _act("revise", "The password of the demo was changed.").save(person)
            changed += 1
    return changed


def _act(verb: str, reason: str) -> Act:
    now = clock.now()
    return Act(verb, User.objects.system(), reason, now, now)
