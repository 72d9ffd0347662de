"""Roles, models and verbs as one matrix, written out; the groups; who gives a role to whom."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission

from ecportal import clock
from ecportal.accounts import roles
from ecportal.accounts.lifecycle import LIFECYCLE as PEOPLE
from ecportal.accounts.models import User
from ecportal.accounts.permissions import may
from ecportal.lifecycle import Lifecycle
from tests.changes.refusals import Case, check_each_way, every_check
from tests.changes.tables import rows_of
from tests.scenario import Company, person

pytestmark = pytest.mark.once

# E Engineer, L Engineering Lead, A Auditor, R Role Administrator, S the system account; - nobody.
MATRIX = """
incidents.Incident
    view ELA    record ELS    revise ELS    note ELS    determine EL    resolve ELS    reopen ELS
    cancel EL
incidents.System
    view ELAR    register L    revise L    grant R    withdraw R    retire L    reinstate L
changes.EmergencyChange
    view ELA    see_confidential LA
    open E    submit E    revise E    amend E    rework E    cancel E    correct EL    share L
    approve L    reject L    claim_approval E    confirm_approval L    deny_approval L
    start E    start_unapproved E    approve_retroactively L    reject_retroactively L
    log_execution E    record_deviation E    catch_up E    finish E
    check_stability E    report_instability E    verify E
    attach_evidence E    supersede_evidence E    document E    close L
changes.Deployment
    view ELA    record S    advance S    enter S    attach ELS    detach ELS
changes.Ticket
    view ELA    record S    advance S    delete S    link ELS    unlink ELS
changes.Delegation
    view ELAR    delegate L    end L
changes.Policy
    view ELA    adopt S    revise L
reviews.RetrospectiveReview
    view ELA    schedule S    complete L
reviews.FollowUpAction
    view ELA    assign L    complete EL    reassign L    drop L
reviews.ControlException
    view ELA    report LA    register S    answer L
reviews.ReconciliationItem
    view ELA    find S    match L    dismiss L    settle S    reopen L    return S
reviews.EscalationRung
    view ELA    define LS    revise L    retire L    reinstate L
reviews.CompanyHoliday
    view ELA    declare L    withdraw L
reviews.Population
    view LA    generate LA
reviews.Sample
    view ELA    draw A
reviews.SampleItem
    view ELA    request A    answer EL
accounts.User
    view AR    enroll RS    revise R    assign_role RS    withdraw_role R    deactivate R
    reactivate R
accounts.ApiToken
    view AR    issue S    revoke R
outbox.Message
    view LAR    retry LR
integrations.Delivery
    view LA    retry L
"""
DJANGO_VERBS = ("add", "change", "delete")


def read_matrix() -> dict[str, dict[str, str]]:
    """Return model label → verb → letters."""
    matrix: dict[str, dict[str, str]] = {}
    for line in MATRIX.strip().splitlines():
        if not line.startswith(" "):
            rows = matrix.setdefault(line, {})
            continue
        words = line.split()
        rows.update(zip(words[::2], words[1::2], strict=True))
    return matrix


AGREED = read_matrix()
MODELS = {model._meta.label: model for model in Lifecycle.registry}


@pytest.fixture
def people(company: Company) -> dict[str, User]:
    return {
        "E": company.engineer,
        "L": company.lead,
        "A": company.auditor,
        "R": company.roleadmin,
        "S": User.objects.system(),
        "nobody": person("nobody"),
        "superuser": person("superuser", is_superuser=True),
        "left": person("left", *roles.ROLES, is_active=False),
    }


@pytest.mark.parametrize("label", sorted(AGREED))
def test_each_role_holds_the_agreed_verbs_and_no_other(people: Any, label: str) -> None:
    verbs = [*AGREED[label], *DJANGO_VERBS]
    found = {
        verb: {who for who, user in people.items() if may(user, verb, MODELS[label])}
        for verb in verbs
    }
    agreed = {verb: set(AGREED[label].get(verb, "")) for verb in verbs}
    assert found == agreed


def test_service_account_holds_what_its_token_says_and_no_more(company: Company) -> None:
    account = User.objects.create(username="ci", is_service=True)
    account.groups.set(Group.objects.all())
    held = {(label, verb) for label, rows in AGREED.items() for verb in rows}
    nothing = {(label, verb) for label, verb in held if may(account, verb, MODELS[label])}
    account.token_verbs = roles.SCOPES["deployments:write"] | roles.SCOPES["changes:read"]
    all_scopes = {(label, verb) for label, verb in held if may(account, verb, MODELS[label])}
    assert nothing == set()
    assert all_scopes == {
        ("changes.Deployment", "record"), ("changes.Deployment", "advance"),
        ("changes.Deployment", "attach"), ("changes.EmergencyChange", "view"),
    }  # fmt: skip
    account.is_active = False
    assert not may(account, "record", MODELS["changes.Deployment"])


def test_matrix_has_every_model_and_every_verb() -> None:
    tables = {label: set(Lifecycle.registry[model].verbs) for label, model in MODELS.items()}
    beside = {"view", "see_confidential", "report"}
    assert tables == {label: set(rows) - beside for label, rows in AGREED.items()}


def codenames(group: Group, model: str) -> set[str]:
    app, name = model.lower().split(".")
    rows = group.permissions.filter(content_type__app_label=app, content_type__model=name)
    return {code.removesuffix(f"_{name}") for code in rows.values_list("codename", flat=True)}


@pytest.mark.parametrize(
    ("name", "letter"),
    [
        ("Engineer", "E"),
        ("Engineering Lead", "L"),
        ("Auditor", "A"),
        ("Role Administrator", "R"),
    ],
)
def test_group_holds_what_the_matrix_says(db: None, name: str, letter: str) -> None:
    group = Group.objects.get(name=name)
    for label, rows in AGREED.items():
        agreed = {verb for verb, letters in rows.items() if letter in letters}
        if (name, label) == ("Engineering Lead", "incidents.System"):
            agreed.add("approve")
        assert codenames(group, label) == agreed


def test_groups_hold_no_verb_of_django_itself(db: None) -> None:
    held = Permission.objects.filter(group__isnull=False).values_list("codename", flat=True)
    assert [code for code in held if code.startswith(("add_", "change_", "delete_"))] == []


def test_there_are_four_roles(db: None) -> None:
    assert set(Group.objects.values_list("name", flat=True)) == {
        "Engineer",
        "Engineering Lead",
        "Auditor",
        "Role Administrator",
    }


def test_permission_given_to_a_group_by_hand_goes_with_the_next_sync(db: None) -> None:
    engineers = Group.objects.get(name="Engineer")
    before = set(engineers.permissions.all())
    engineers.permissions.add(Permission.objects.get(codename="approve_emergencychange"))
    roles.sync()
    assert set(engineers.permissions.all()) == before


def test_permission_taken_from_a_group_by_hand_returns_with_the_next_sync(db: None) -> None:
    leads = Group.objects.get(name="Engineering Lead")
    before = set(leads.permissions.all())
    leads.permissions.clear()
    roles.sync()
    assert set(leads.permissions.all()) == before


def test_sync_keeps_one_system_account_that_nobody_signs_in_to(db: None) -> None:
    roles.sync()
    account = User.objects.get(is_system=True)
    assert not account.has_usable_password()
    assert not account.may_sign_in
    assert not account.is_superuser


# --- people -------------------------------------------------------------------------------------
def test_table_of_people_is_the_agreed_one() -> None:
    assert rows_of(PEOPLE, ["active", "inactive"]) == [
        ("assign_role", "active", None),
        ("deactivate", "active", None),
        ("enroll", "", None),
        ("reactivate", "inactive", None),
        ("revise", "active inactive", None),
        ("withdraw_role", "active inactive", None),
    ]


def role(name: str) -> Group:
    return Group.objects.get(name=name)


def for_somebody_else(case: Case) -> None:
    case.record = person("somebody", roles.AUDITOR)


def for_a_newcomer(case: Case) -> None:
    case.record = person("somebody")


def own_role(company: Company) -> Case:
    said = "This is your own account. Another Role Administrator must do this."
    data = {"role": role(roles.LEAD)}
    admin = company.roleadmin
    return Case(PEOPLE, admin, "assign_role", admin, said, for_a_newcomer, data)


def own_role_away(company: Company) -> Case:
    case = own_role(company)
    case.verb, case.data = "withdraw_role", {"role": role(roles.AUDITOR)}
    case.mend = for_somebody_else
    return case


def own_account(company: Company) -> Case:
    case = own_role(company)
    case.verb, case.data = "deactivate", {}
    return case


def the_system_account(company: Company) -> Case:
    case = own_role(company)
    case.record = User.objects.system()
    case.sentence = "This is the system account. It belongs to the portal itself."
    return case


def a_service_account(company: Company) -> Case:
    case = own_role(company)
    case.record = User.objects.create(username="ci", is_service=True)
    case.sentence = "This is a service account. Its tokens say what it may do; it holds no role."
    return case


def a_superuser(company: Company) -> Case:
    case = own_role(company)
    case.record = person("root", is_superuser=True)
    case.sentence = "This is a superuser. Only whoever runs the server can change that account."
    return case


def group_that_is_no_role(company: Company) -> Case:
    def mend(case: Case) -> None:
        case.data["role"] = role(roles.ENGINEER)

    data = {"role": Group.objects.create(name="Chess club")}
    said = "Chess club is no role of the process."
    return Case(PEOPLE, person("new"), "assign_role", company.roleadmin, said, mend, data)


def role_held_already(company: Company) -> Case:
    case = group_that_is_no_role(company)
    case.record, case.data["role"] = company.lead, role(roles.LEAD)
    case.sentence = "Lead has the role Engineering Lead already."
    return case


def role_not_held(company: Company) -> Case:
    case = group_that_is_no_role(company)
    case.record, case.verb, case.data["role"] = company.engineer, "withdraw_role", role(roles.LEAD)
    case.sentence = "Engineer does not have the role Engineering Lead."
    return case


def access_ends_before_it_begins(company: Company) -> Case:
    def mend(case: Case) -> None:
        case.data["access_until"] = None

    names = ("first_name", "last_name", "email", "time_zone")
    data: dict[str, Any] = {**dict.fromkeys(names, ""), "access_from": clock.now()}
    data["access_until"] = data["access_from"]
    said = "Access must end after it begins."
    return Case(PEOPLE, company.auditor, "revise", company.roleadmin, said, mend, data)


@every_check(
    own_role,
    own_role_away,
    own_account,
    the_system_account,
    a_service_account,
    a_superuser,
    group_that_is_no_role,
    role_held_already,
    role_not_held,
    access_ends_before_it_begins,
)
def test_guard_of_people(company: Company, situation: Any) -> None:
    check_each_way(situation, company)


def test_nobody_is_enrolled_as_a_superuser(company: Company) -> None:
    new = User(username="new", is_superuser=True)
    PEOPLE.perform(new, "enroll", by=company.roleadmin, reason="Hired.", password="long enough 1")
    assert not User.objects.get(username="new").is_superuser
