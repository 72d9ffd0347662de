"""Every verb tried in every status: where it leads, or that it is refused and writes nothing."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from changes.lifecycle import CHANGES
from changes.models import EmergencyChange
from ecportal import clock
from ecportal.accounts.models import User
from tests.changes.refusals import assert_refused
from tests.scenario import Company, Journey, a_draft

pytestmark = pytest.mark.once

# A dot: refused. An equals sign: done, and the status stays. Else: the status it leads to.
TABLE = """
                      draft        submitted    approved     implementing implemented  verified     documented   closed       rejected     cancelled
open                  .            .            .            .            .            .            .            .            .            .
submit                submitted    .            .            .            .            .            .            .            .            .
approve               .            approved     =            .            .            .            .            .            .            .
confirm_approval      .            .            =            =            =            =            =            =            .            .
deny_approval         .            .            submitted    =            =            =            =            =            .            .
reject                .            rejected     .            .            .            .            .            .            .            .
claim_approval        .            approved     .            .            .            .            .            .            .            .
rework                .            .            .            .            .            .            .            .            draft        .
start                 .            .            implementing .            .            .            .            .            .            .
start_unapproved      implementing implementing .            .            .            .            .            .            implementing .
finish                .            .            .            implemented  .            .            .            .            .            .
approve_retroactively .            .            .            =            =            =            =            =            .            .
reject_retroactively  .            .            .            =            =            =            =            =            .            .
verify                .            .            .            .            verified     .            .            .            .            .
report_instability    .            .            .            .            implementing implementing .            .            .            .
check_stability       .            .            .            .            =            .            .            .            .            .
document              .            .            .            .            .            documented   .            .            .            .
attach_evidence       =            =            =            =            =            =            =            =            =            .
supersede_evidence    =            =            =            =            =            =            =            =            =            .
log_execution         .            .            .            =            =            =            =            =            .            .
record_deviation      .            .            .            =            =            =            =            .            .            .
catch_up              .            .            .            =            =            =            =            =            .            .
revise                =            .            .            .            .            .            .            .            .            .
amend                 .            draft        draft        .            .            .            .            .            .            .
correct               .            =            =            =            =            =            =            =            =            .
share                 =            =            =            =            =            =            =            =            =            .
cancel                cancelled    cancelled    cancelled    .            .            .            .            .            cancelled    .
close                 .            .            .            .            .            .            closed       .            .            .
"""  # noqa: E501 - a row stays a row
HEADER, *ROWS = [line.split() for line in TABLE.strip().splitlines()]
MATRIX = {verb: dict(zip(HEADER, cells, strict=True)) for verb, *cells in ROWS}

CLAIMED, UNAPPROVED = (
    ("confirm_approval", "deny_approval"),
    (
        "approve_retroactively",
        "reject_retroactively",
    ),
)


def a_change_for(company: Company, verb: str, status: str) -> EmergencyChange:
    """Make a confidential change in `status` in which every guard of `verb` would let through."""
    change = a_draft(company, confidential=True)
    journey = Journey(company, change)
    if status in ("draft", "submitted", "rejected", "cancelled"):
        return journey.to(status)
    if verb in UNAPPROVED and status != "approved":
        journey.start_unapproved()
    else:
        journey.submit()
        claimed = verb in CLAIMED or (verb, status) == ("approve", "approved")
        journey.claim() if claimed else journey.approve()
    if status == "approved":
        return change
    if change.status == "approved":
        journey.start()
    day = clock.now().date() + timedelta(days=9)
    journey.do("record_deviation", company.engineer, skipped="Load test", catch_up_on=day)
    steps = [lambda: journey.finish(no_deviations=False), journey.verify, journey.document]
    steps.append(journey.review)
    statuses = ["implementing", "implemented", "verified", "documented", "closed"]
    for step in steps[: statuses.index(status)]:
        step()
    return change


def doer(company: Company, verb: str) -> User:
    leads_act = (*CLAIMED, *UNAPPROVED, "approve", "reject", "share", "close")
    return company.lead if verb in leads_act else company.engineer


def data_for(company: Company, verb: str, change: EmergencyChange) -> dict[str, Any]:
    return {
        "claim_approval": {"approver": company.lead, "channel": "phone"},
        "reject": {"rejection": "sent_back"},
        "finish": {"outcome": "successful"},
        "verify": {"watched": "Error rate"},
        "report_instability": {"watched": "Error rate"},
        "check_stability": {"watched": "Error rate"},
        "attach_evidence": {
            "kind": "other",
            "description": "Dashboard",
            "link": "https://grafana.example.test/",
        },
        "supersede_evidence": {
            "kind": "other",
            "description": "Dashboard, later",
            "link": "https://grafana.example.test/later",
            "supersedes": change.evidence.last(),
        },
        "record_deviation": {"skipped": "Load test"},
        "catch_up": {"deviation": change.deviations.first()},
        "revise": {"systems": [company.system]},
        "share": {"person": company.engineer2},
    }.get(verb, {})


def do(company: Company, verb: str, change: EmergencyChange) -> None:
    """Do `verb` some hours later, when no observation window is in its way."""
    by, data = doer(company, verb), data_for(company, verb, change)
    with clock.at(clock.now() + timedelta(hours=3)):
        if verb == "close":
            Journey(company, change).review()
            return
        if verb == "supersede_evidence" and not change.evidence.exists():
            evidence = data_for(company, "attach_evidence", change)
            CHANGES.perform(change, "attach_evidence", by=by, reason="Seen.", **evidence)
            data = data_for(company, verb, change)
        if verb == "document":
            evidence = data_for(company, "attach_evidence", change)
            CHANGES.perform(change, "attach_evidence", by=by, reason="Seen.", **evidence)
        data["fingerprint"] = change.fingerprint()
        CHANGES.perform(change, verb, by=by, reason="It is due.", **data)


@pytest.mark.parametrize("status", HEADER)
def test_every_verb_leads_where_it_was_agreed(company: Company, status: str) -> None:
    found = {}
    for verb, cells in MATRIX.items():
        with transaction.atomic():
            change = a_change_for(company, verb, status)
            assert change.status == status
            if cells[status] == ".":
                said = "exists already." if verb == "open" else "is possible only while the"
                data = data_for(company, verb, change)
                assert_refused(CHANGES, change, verb, doer(company, verb), said, **data)
            else:
                do(company, verb, change)
            change.refresh_from_db()
            found[verb] = change.status
            transaction.set_rollback(True)
    words = {".": status, "=": status}
    assert found == {verb: words.get(row[status], row[status]) for verb, row in MATRIX.items()}


def test_matrix_has_every_verb_and_every_status() -> None:
    assert set(MATRIX) == {row.verb for row in CHANGES.rows}
    assert EmergencyChange.Status.values == HEADER
