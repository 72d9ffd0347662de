"""Confidential changes: who sees them, who may act on them, and how they are shared."""

import pytest

from changes.lifecycle import CHANGES
from changes.models import EmergencyChange
from ecportal.accounts import roles
from ecportal.accounts.models import User
from tests.changes.refusals import assert_refused
from tests.scenario import Company, Journey, a_change, a_draft, person

NOT_SHARED = "This change is confidential and was not shared with you."


def sees(user: User, change: EmergencyChange) -> bool:
    return EmergencyChange.objects.visible_to(user).filter(pk=change.pk).exists()


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("engineer", True),  # opened it
        ("engineer2", False),
        ("lead", True),
        ("lead2", True),
        ("auditor", True),
        ("roleadmin", False),
    ],
)
def test_confidential_change_is_visible_to_leads_auditors_and_its_requester(
    company: Company, who: str, seen: bool
) -> None:
    change = a_draft(company, confidential=True)
    assert sees(getattr(company, who), change) is seen


@pytest.mark.parametrize("username", ["superuser", "nobody"])
def test_confidential_change_is_not_visible_without_a_role(company: Company, username: str) -> None:
    outsider = person(username, is_superuser=username == "superuser")
    assert not sees(outsider, a_draft(company, confidential=True))


def test_superuser_engineer_does_not_see_what_was_not_shared(company: Company) -> None:
    god = person("god", roles.ENGINEER, is_superuser=True)
    assert not sees(god, a_draft(company, confidential=True))


def test_ordinary_change_is_visible_to_every_engineer(company: Company) -> None:
    assert sees(company.engineer2, a_draft(company))


@pytest.mark.parametrize(
    ("status", "verb"),
    [
        ("draft", "submit"),
        ("draft", "revise"),
        ("draft", "cancel"),
        ("draft", "start_unapproved"),
        ("draft", "attach_evidence"),
        ("submitted", "claim_approval"),
        ("submitted", "amend"),
        ("submitted", "correct"),
        ("approved", "start"),
        ("implementing", "finish"),
        ("implementing", "log_execution"),
        ("implemented", "report_instability"),
        ("verified", "document"),
        ("rejected", "rework"),
    ],
)
def test_engineer_does_not_act_on_what_was_not_shared(
    company: Company, status: str, verb: str
) -> None:
    change = a_change(company, status, confidential=True)
    assert_refused(CHANGES, change, verb, company.engineer2, NOT_SHARED)


def test_engineer_acts_once_it_was_shared(company: Company) -> None:
    change = a_change(company, "approved", confidential=True)
    journey = Journey(company, change)
    journey.do("share", company.lead, "On call tonight.", person=company.engineer2)
    assert sees(company.engineer2, change)
    journey.do("start", company.engineer2)
    assert change.implementer == company.engineer2


def test_sharing_one_confidential_change_shows_no_other(company: Company) -> None:
    shared, other = (a_draft(company, confidential=True) for _ in range(2))
    CHANGES.perform(shared, "share", by=company.lead, reason="Help.", person=company.engineer2)
    assert sees(company.engineer2, shared)
    assert not sees(company.engineer2, other)


def test_sharing_gives_no_right_to_decide(company: Company) -> None:
    change = a_change(company, "submitted", confidential=True)
    CHANGES.perform(change, "share", by=company.lead, reason="Help.", person=company.engineer2)
    assert_refused(CHANGES, change, "approve", company.engineer2, "Your role does not include")


def test_engineer_does_not_share(company: Company) -> None:
    change = a_draft(company, confidential=True)
    said, data = "Your role does not include", {"person": company.engineer2}
    assert_refused(CHANGES, change, "share", company.engineer, said, **data)


def test_revision_does_not_make_it_public(company: Company) -> None:
    change = a_draft(company, confidential=True)
    texts = {"confidential": False, "systems": [company.system]}
    Journey(company, change).do("revise", company.engineer, **texts)
    assert EmergencyChange.objects.get().confidential
