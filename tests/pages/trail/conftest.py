"""A change, and who looks at its trail."""

import pytest
from django.test import Client

from changes.models import EmergencyChange
from tests.pages.conftest import SignIn
from tests.scenario import Company, a_change


@pytest.fixture
def change(company: Company) -> EmergencyChange:
    return a_change(company, "approved")


@pytest.fixture
def engineer(company: Company, signed_in: SignIn) -> Client:
    return signed_in(company.engineer)


@pytest.fixture
def auditor(company: Company, signed_in: SignIn) -> Client:
    return signed_in(company.auditor)
