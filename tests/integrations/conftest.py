"""What every test of the integrations has: all webhooks set up."""

from collections.abc import Iterator

import pytest
from django.test import override_settings

from ecportal import clock
from tests.integrations.sending import SECRETS
from tests.integrations.working import NOW
from tests.scenario import Company


@pytest.fixture
def hooks(db: None) -> Iterator[None]:
    with override_settings(**SECRETS):
        yield


@pytest.fixture
def portal(company: Company, hooks: None) -> Iterator[Company]:
    """The company on the day on which everything happens."""
    with clock.at(NOW):
        yield company
