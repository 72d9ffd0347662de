"""Systems that the portal tells something."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integrations.channels import told
from tests.integrations.channels.servers import (
    JiraServer,
    PagerDutyServer,
    Receiver,
    SlackServer,
)


@pytest.fixture
def pagerduty(tmp_path: Path) -> Iterator[PagerDutyServer]:
    with told.pagerduty(tmp_path) as server:
        yield server


@pytest.fixture(params=["3", "2"], ids=["cloud", "datacenter"])
def jira(request: pytest.FixtureRequest) -> Iterator[JiraServer]:
    with told.jira(request.param) as server:
        yield server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with told.receiver() as server:
        yield server


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with told.slack() as server:
        yield server
