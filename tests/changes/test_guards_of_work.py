"""The guards of implementing, verifying, documenting and sharing; superusers are bound too."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from changes.lifecycle import CHANGES
from changes.models import Policy
from ecportal import clock
from ecportal.accounts import roles
from tests.changes.refusals import Case, assert_refused, check_each_way, every_check
from tests.scenario import Company, Journey, a_change, a_draft, person

pytestmark = pytest.mark.once

WATCHED = {"watched": "Error rate"}


def window_open(company: Company) -> Case:
    def mend(case: Case) -> None:
        case.record = a_change(company, "approved")
        began = clock.now() - timedelta(hours=1)
        journey = Journey(company, case.record)
        journey.do("start", company.engineer, happened_at=began)
        journey.finish(happened_at=began + timedelta(minutes=20))

    said = "The observation window of 30 minutes ends at"
    change = a_change(company, "implemented")
    return Case(CHANGES, change, "verify", company.engineer, said, mend, WATCHED)


def watched_too_early(company: Company) -> Case:
    """The window is over, but when the person looked it was not."""

    def mend(case: Case) -> None:
        del case.data["happened_at"]

    window_open(company).mend(case := window_open(company))
    case.sentence = "The observation window must have passed when you looked."
    case.data = {**WATCHED, "happened_at": case.record.finished_at + timedelta(minutes=29)}
    case.mend = mend
    return case


def verifier_is_implementer(company: Company) -> Case:
    def mend(case: Case) -> None:
        case.by = company.engineer2

    window_open(company).mend(case := window_open(company))
    Policy.objects.update_or_create(pk=1, defaults={"verifier_differs": True})
    case.sentence = "You implemented this change; the policy wants another person to verify it."
    case.mend = mend
    return case


def nothing_attached(company: Company) -> Case:
    def mend(case: Case) -> None:
        data = {"kind": "other", "description": "Diff", "link": "https://git.example.test/1"}
        CHANGES.perform(case.record, "attach_evidence", by=case.by, reason="Seen.", **data)

    window_open(company).mend(case := window_open(company))
    CHANGES.perform(case.record, "verify", by=company.engineer, reason="Fine.", **WATCHED)
    said = "Attach at least one piece of evidence first."
    return Case(CHANGES, case.record, "document", company.engineer, said, mend)


def nothing_to_catch_up_on(company: Company) -> Case:
    def mend(case: Case) -> None:
        day = clock.now().date() + timedelta(days=2)
        data = {"skipped": "Load test", "catch_up_on": day}
        CHANGES.perform(case.record, "record_deviation", by=case.by, reason="No time.", **data)
        case.data = {"deviation": case.record.deviations.get()}

    change = a_change(company, "implementing")
    said = "No skipped test waits to be caught up on."
    return Case(CHANGES, change, "catch_up", company.engineer, said, mend)


def nothing_to_share(company: Company) -> Case:
    def mend(case: Case) -> None:
        case.record = a_draft(company, confidential=True)

    said, data = "Everybody can see this change already.", {"person": company.engineer2}
    return Case(CHANGES, a_draft(company), "share", company.lead, said, mend, data)


def confidential_and_not_shared(company: Company) -> Case:
    def mend(case: Case) -> None:
        data = {"person": case.by}
        CHANGES.perform(case.record, "share", by=company.lead, reason="On call.", **data)

    change = a_change(company, "approved", confidential=True)
    said = "This change is confidential and was not shared with you."
    return Case(CHANGES, change, "start", company.engineer2, said, mend)


@every_check(
    window_open,
    watched_too_early,
    verifier_is_implementer,
    nothing_attached,
    nothing_to_catch_up_on,
    nothing_to_share,
    confidential_and_not_shared,
)
def test_guard(company: Company, situation: Any) -> None:
    check_each_way(situation, company)


@pytest.mark.parametrize("superuser", [False, True])
def test_lead_does_not_close_without_the_review(company: Company, superuser: bool) -> None:
    change = a_change(company, "documented")
    company.lead2.is_superuser = superuser
    said = "Only the retrospective review closes a change."
    assert_refused(CHANGES, change, "close", company.lead2, said)


@pytest.mark.parametrize("superuser", [False, True])
@pytest.mark.parametrize("part", ["requester", "implementer"])
def test_close_is_refused_to_requester_and_implementer(
    company: Company, part: str, superuser: bool
) -> None:
    both = person("both", roles.ENGINEER, roles.LEAD, is_superuser=superuser)
    if part == "requester":
        change = a_draft(replace(company, engineer=both))
        said = "You requested this change; someone else must decide on it."
    else:
        change = a_change(company, "approved")
        said = "You implemented this change; someone else must do this."
        Journey(replace(company, engineer=both), change).start(both).finish().verify().document()
        assert_refused(CHANGES, change, "close", both, said)
        return
    Journey(company, change).to("documented")
    assert_refused(CHANGES, change, "close", both, said)
