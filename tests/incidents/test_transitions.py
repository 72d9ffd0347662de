"""The tables of incidents and systems, written out a second time."""

import pytest

from incidents.lifecycle import INCIDENTS, SYSTEMS
from tests.changes.tables import rows_of

pytestmark = pytest.mark.once


def test_table_of_incidents_is_the_agreed_one() -> None:
    assert rows_of(INCIDENTS) == [
        ("cancel", "open", "cancelled"),
        ("determine", "open resolved", None),
        ("note", "open resolved", None),
        ("record", "", "open"),
        ("reopen", "resolved", "open"),
        ("resolve", "open", "resolved"),
        ("revise", "open resolved", None),
    ]


def test_table_of_systems_is_the_agreed_one() -> None:
    assert rows_of(SYSTEMS) == [
        ("grant", "active", None),
        ("register", "", "active"),
        ("reinstate", "retired", "active"),
        ("retire", "active", "retired"),
        ("revise", "active", None),
        ("withdraw", "active retired", None),
    ]
