"""A real mail server for the tests of the outbox."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.smtp import MailServer, mail_server


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    """A mail server to which this process sends."""
    with mail_server() as running:
        for name, value in running.settings.items():
            setattr(settings, name, value)
        yield running
