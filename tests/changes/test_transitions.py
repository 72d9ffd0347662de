"""The tables of changes and of what belongs to them, written out a second time."""

from typing import Any

import pytest

from changes import lifecycle as tables
from changes.lifecycle import CHANGES, DELEGATIONS, DEPLOYMENTS, POLICIES, TICKETS
from changes.models import EmergencyChange
from ecportal.lifecycle import Lifecycle
from tests.changes.tables import rows_of

pytestmark = pytest.mark.once

CHANGE_ROWS = [
    ("open", "", "draft"),
    ("submit", "draft", "submitted"),
    ("approve", "submitted", "approved"),
    ("approve", "approved", None),
    (
        "confirm_approval",
        "approved implementing implemented verified documented closed",
        None,
    ),
    ("deny_approval", "approved", "submitted"),
    ("deny_approval", "implementing implemented verified documented closed", None),
    ("reject", "submitted", "rejected"),
    ("claim_approval", "submitted", "approved"),
    ("rework", "rejected", "draft"),
    ("start", "approved", "implementing"),
    ("start_unapproved", "draft submitted rejected", "implementing"),
    ("finish", "implementing", "implemented"),
    ("approve_retroactively", "implementing implemented verified documented closed", None),
    ("reject_retroactively", "implementing implemented verified documented closed", None),
    ("verify", "implemented", "verified"),
    ("report_instability", "implemented verified", "implementing"),
    ("check_stability", "implemented", None),
    ("document", "verified", "documented"),
    (
        "attach_evidence",
        "draft submitted approved implementing implemented verified documented closed rejected",
        None,
    ),
    (
        "supersede_evidence",
        "draft submitted approved implementing implemented verified documented closed rejected",
        None,
    ),
    ("log_execution", "implementing implemented verified documented closed", None),
    ("record_deviation", "implementing implemented verified documented", None),
    ("catch_up", "implementing implemented verified documented closed", None),
    ("close", "documented", "closed"),
    ("revise", "draft", None),
    ("amend", "submitted approved", "draft"),
    (
        "correct",
        "submitted approved implementing implemented verified documented closed rejected",
        None,
    ),
    (
        "share",
        "draft submitted approved implementing implemented verified documented closed rejected",
        None,
    ),
    ("cancel", "draft submitted approved rejected", "cancelled"),
]

DELEGATION_ROWS = [("delegate", "", "given"), ("end", "given", "ended")]

ALWAYS = "pending running succeeded failed canceled rolled_back"
DEPLOYMENT_ROWS = [
    ("record", "", None),
    ("advance", ALWAYS, None),
    ("attach", ALWAYS, None),
    ("detach", ALWAYS, None),
    ("enter", ALWAYS, None),
]

TICKET_ROWS = [
    ("record", "", None),
    ("advance", "there", None),
    ("delete", "there", "deleted"),
    ("link", "there deleted", None),
    ("unlink", "there deleted", None),
]

POLICY_ROWS = [("adopt", "", "in_force"), ("revise", "in_force", None)]


@pytest.mark.parametrize(
    ("lifecycle", "agreed"),
    [
        (CHANGES, CHANGE_ROWS),
        (DEPLOYMENTS, DEPLOYMENT_ROWS),
        (TICKETS, TICKET_ROWS),
        (DELEGATIONS, DELEGATION_ROWS),
        (POLICIES, POLICY_ROWS),
    ],
    ids=["changes", "deployments", "tickets", "delegations", "policy"],
)
def test_table_is_the_agreed_one(lifecycle: Lifecycle[Any], agreed: list[Any]) -> None:
    assert rows_of(lifecycle) == sorted(agreed, key=repr)


def test_every_table_has_a_second_writing() -> None:
    known = {table for table in vars(tables).values() if isinstance(table, Lifecycle)}
    assert known == {CHANGES, DEPLOYMENTS, TICKETS, DELEGATIONS, POLICIES}


def test_statuses_are_the_agreed_ones() -> None:
    assert EmergencyChange.Status.values == [
        "draft",
        "submitted",
        "approved",
        "implementing",
        "implemented",
        "verified",
        "documented",
        "closed",
        "rejected",
        "cancelled",
    ]


@pytest.mark.parametrize(
    ("lifecycle", "internal"),
    [
        (CHANGES, {"close"}),
        (DEPLOYMENTS, {"record", "advance", "enter"}),
        (TICKETS, {"record", "advance", "delete"}),
        (DELEGATIONS, set()),
        (POLICIES, {"adopt"}),
    ],
)
def test_what_nobody_does_by_hand_has_no_button(
    lifecycle: Lifecycle[Any], internal: set[str]
) -> None:
    assert {row.verb for row in lifecycle.rows if row.internal} == internal


def test_nothing_leaves_closed_or_cancelled() -> None:
    left = {
        row.verb for row in CHANGES.rows if row.target and row.sources & {"closed", "cancelled"}
    }
    assert left == set()
