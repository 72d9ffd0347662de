"""What every test of the integrations has: all webhooks set up."""

from collections.abc import Iterator

import pytest
from django.test import override_settings

from tests.integrations.sending import SECRETS


@pytest.fixture
def hooks(db: None) -> Iterator[None]:
    with override_settings(**SECRETS):
        yield
