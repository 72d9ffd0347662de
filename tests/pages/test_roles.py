"""Roles, pages and verbs as one matrix over HTTP, written out; who is refused changes nothing."""

import re
from typing import Any

import pytest

from ecportal.lifecycle import Lifecycle
from tests.pages.conftest import SignIn
from tests.pages.world import World, act, counts, listing, page

pytestmark = [pytest.mark.once, pytest.mark.slow]

# E Engineer, L Engineering Lead, A Auditor, R Role Administrator, S a superuser in no role; an
# unnamed person without any role may open none of these pages. `+` makes a new record.
MATRIX = """
incidents.Incident
    view ELAS    +record EL    revise EL    note EL    determine EL    resolve EL    reopen EL
    cancel EL
incidents.System
    view ELARS    +register L    revise L    grant R    withdraw R    retire L    reinstate L
changes.EmergencyChange
    view ELAS
    submit E    revise E    amend E    rework E    cancel E    correct EL    share L
    approve L    reject L    claim_approval E    confirm_approval L    deny_approval L
    start E    start_unapproved E    approve_retroactively L    reject_retroactively L
    log_execution E    record_deviation E    catch_up E    finish E
    check_stability E    report_instability E    verify E
    attach_evidence E    supersede_evidence E    document E
changes.Deployment
    view ELAS    attach EL    detach EL
changes.Ticket
    view ELAS    link EL    unlink EL
changes.Delegation
    view ELARS    +delegate L    end L
changes.EvidenceRead
    view ARS
changes.Policy
    view ELAS    revise L
reviews.RetrospectiveReview
    view ELAS    complete L
reviews.FollowUpAction
    view ELAS    +assign L    complete EL    reassign L    drop L
reviews.ControlException
    view ELAS    answer L
reviews.ReconciliationItem
    view ELAS    match L    dismiss L    reopen L
reviews.EscalationRung
    view ELAS    +define L    revise L    retire L    reinstate L
reviews.CompanyHoliday
    view ELAS    +declare L    declare L    withdraw L
reviews.Population
    view LAS    +generate LA
reviews.Sample
    view ELAS    +draw A
reviews.SampleItem
    view ELAS    request A    answer EL
reviews.Deadline
    view ELAS
reviews.Notice
    view ELAS
reviews.EvidencePack
    view LAS
outbox.Message
    view LARS    retry LR
integrations.Delivery
    view LAS    retry L
audit.AuditEvent
    view LARS
audit.AuditCheckpoint
    view LAS
accounts.User
    view ARS    +enroll R    revise R    assign_role R    withdraw_role R    deactivate R
    reactivate R
accounts.ApiToken
    view ARS    revoke R
auth.Group
    view ARS
"""
WITHOUT_VERSIONS = ("auth.Group", "outbox.Message", "integrations.Delivery", "audit.AuditEvent",
                    "audit.AuditCheckpoint", "reviews.EvidencePack")  # fmt: skip
PEOPLE = "ELAR-S"
CELL = re.compile(r"(\S+) (\S+)")
AGREED = {
    block.split()[0]: [
        (verb, set(letters)) for verb, letters in CELL.findall(block.split("\n", 1)[1])
    ]
    for block in re.split(r"\n(?=\S)", MATRIX.strip())
}


def allowed(label: str, verb: str) -> set[str]:
    return dict(AGREED[label]).get(verb, set())


def test_matrix_has_every_model_of_the_admin_and_every_verb_with_a_page(world: World) -> None:
    assert set(AGREED) == set(world.records)
    for model, lifecycle in Lifecycle.registry.items():
        acts = {row.verb for row in lifecycle.rows if row.sources and not row.internal}
        named = {verb for verb, _letters in AGREED[model._meta.label]}
        assert acts == {verb for verb in named if verb != "view" and not verb.startswith("+")}


def test_acts_that_are_consequences_have_no_page(world: World, signed_in: SignIn) -> None:
    pages = [
        act(world.change, "open"), act(world.change, "close"), act(world.change, "no_such_act"),
        act(world.records["reviews.RetrospectiveReview"], "schedule"),
        act(world.records["reviews.ControlException"], "register"),
        act(world.records["incidents.Incident"], "record"),
        *(act(world.records["changes.Deployment"], verb) for verb in ("advance", "enter")),
        *(act(world.records["changes.Ticket"], verb) for verb in ("advance", "delete")),
        *(act(world.records["reviews.ReconciliationItem"], verb)
          for verb in ("settle", "return")),
    ]  # fmt: skip
    for letter in "ELAS":
        client = signed_in(world.people[letter])
        for address in pages:
            assert client.get(address).status_code == 404, (letter, address)
            assert client.post(address, {"reason": "Why not?"}).status_code == 404


def pages_of(world: World, label: str) -> list[tuple[str, set[str]]]:
    """Return the address of each page of the model, with the letters of who may open it."""
    record = world.records[label]
    found = []
    for verb, letters in AGREED[label]:
        if verb == "view":
            history = [] if label in WITHOUT_VERSIONS else [page(record, "history")]
            found += [(at, letters) for at in (listing(record), page(record), *history)]
        elif verb.startswith("+"):
            found.append((listing(record, "add"), letters))
        else:
            found.append((act(record, verb), letters))
    if not any(verb.startswith("+") for verb, _letters in AGREED[label]):
        found.append((listing(record, "add"), set()))
    return found


def test_pages_open_for_the_agreed_roles_alone(world: World, signed_in: SignIn) -> None:
    for letter in PEOPLE:
        client = signed_in(world.people[letter])
        wrong = [
            (address, status)
            for label in AGREED
            for address, letters in pages_of(world, label)
            if (status := client.get(address).status_code) != (200 if letter in letters else 403)
        ]
        assert wrong == [], letter


def test_posting_an_act_outside_the_role_changes_nothing(world: World, signed_in: SignIn) -> None:
    for letter in "ELAS":
        client = signed_in(world.people[letter])
        posted = everything(world)
        before = counts()
        wrong = [
            (address, response.status_code)
            for label in AGREED
            for address, letters in pages_of(world, label)
            if letter not in letters
            and (response := client.post(address, posted)).status_code != 403
        ]
        assert wrong == [], letter
        assert counts() == before


def everything(world: World) -> dict[str, Any]:
    """Return one answer that would do for any form, were it not for the role."""
    company = world.company
    return {
        "reason": "I want it.", "name": "Search", "title": "Add an alert", "severity": 1,
        "systems": [company.system.pk], "began_at": "2026-01-01T10:00", "criterion": "outage",
        "verdict": "emergency", "imminence": "occurring", "basis": "monitoring",
        "person": company.engineer.pk, "fingerprint": world.change.fingerprint(),
        "rejection": "refused", "channel": "phone", "approver": company.lead.pk,
        "outcome": "failed", "source": "log", "skipped": "Load test", "why": "No time.",
        "watched": "Errors", "kind": "other", "description": "Log", "text": "done",
        "rollback_actions": "None", "part": "other", "change": world.change.pk,
        "owner": company.engineer.pk, "due_on": "2099-01-01", "day": "2099-01-01",
        "genuine": "yes", "procedure_followed": "yes", "no_follow_up_reason": "One-off.",
        "username": "mallory", "first_name": "Mallory", "email": "mallory@example.test",
        "password": "correct horse battery", "role": company.roleadmin.groups.get().pk,
        "delegate": company.engineer2.pk, "begins_at": "2026-01-01T10:00",
        "ends_at": "2099-01-01T10:00", "approval_minutes": 1, "confirmation_hours": 1,
        "documentation_hours": 1, "observation_minutes": 0, "quiet_from": "22:00",
        "quiet_until": "07:00", "reminder_days": ["Mon"], "offset": 1, "unit": "hours",
        "audience": "owner", "risk": "low", "scope": "All", "rollback_plan": "None",
    }  # fmt: skip


OTHER_PAGES = """
/admin/                                      ELAR-S
/admin/changes/emergencychange/declare/      E
/admin/changes/emergencychange/declare/{i}/  E
/admin/changes/emergencychange/{c}/decide/   ELAS
/admin/reviews/retrospectivereview/of/{c}/   ELAS
/admin/reviews/population/{p}/file/csv/      LAS
/admin/reviews/population/{p}/file/json/     LAS
/admin/reviews/population/{p}/file/xlsx/     LAS
/admin/reviews/population/{p}/proof/         LAS
/admin/reviews/register/                     LA
/admin/reviews/duties/                       LA
/admin/reviews/controls/                     LA
/admin/integrations/                         LAR
/admin/integrations/jira/                    LAR
/admin/integrations/github/                  LAR
"""


def test_other_pages_open_for_the_agreed_roles_alone(world: World, signed_in: SignIn) -> None:
    for letter in PEOPLE:
        client = signed_in(world.people[letter])
        before = counts()
        for line in OTHER_PAGES.strip().splitlines():
            address, letters = line.split()
            address = address.format(
                i=world.change.incident.pk, c=world.change.pk,
                p=world.records["reviews.Population"].pk,
            )  # fmt: skip
            response = client.get(address, follow=True)
            assert response.status_code == (200 if letter in letters else 403), address
            if letter not in letters:
                refused = client.post(address, everything(world), follow=True)
                assert refused.status_code == 403, address
        assert counts() == before, letter


def test_whoever_is_not_signed_in_is_led_to_the_sign_in_page(world: World, client: Any) -> None:
    before, posted = counts(), everything(world)
    for label in AGREED:
        for address, _letters in pages_of(world, label):
            for response in (client.get(address), client.post(address, posted)):
                assert response.status_code == 302, address
                assert response["Location"].startswith("/admin/login/?next=")
    assert counts() == before


def test_home_tells_only_those_who_may_view_changes_of_changes(
    world: World, signed_in: SignIn
) -> None:
    for letter in "R-S":
        text = signed_in(world.people[letter]).get("/admin/").content.decode()
        assert (world.change.number in text) is (letter in "ELAS")
