"""A broker, a mail server and logs for processes that the tests start, kill and start again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.redis_server import redis_server
from tests.smtp import MailServer, mail_server


@pytest.fixture
def broker() -> Iterator[str]:
    """The URL of a Redis of this test alone."""
    with redis_server() as url:
        yield url


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A mail server for the processes of this test."""
    with mail_server() as running:
        yield running


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the processes say what they do."""
    return tmp_path / "log"
