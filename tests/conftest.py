"""Fixtures that every test may use: the people of a small company, and a system."""

import pytest

from tests.scenario import Company, found_company


@pytest.fixture
def company(db: None) -> Company:
    """A company with two Engineers, two Leads, an Auditor, a Role Administrator and a system."""
    return found_company()
