"""Fixtures of the page tests: a company in mid-work, and browsers that are signed in."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from ecportal.accounts.models import User
from tests.pages.world import World, build
from tests.scenario import Company

SignIn = Callable[[User], Client]


@pytest.fixture
def world(company: Company) -> World:
    return build(company)


@pytest.fixture
def signed_in() -> SignIn:
    """Return a function from a person to a client that shows an error page as a status."""

    def sign_in(user: User) -> Client:
        client = Client(raise_request_exception=False)
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Log no refusal: here they are by the hundred, and each would bring its traceback."""
    for name in ("django.request", "django.security"):
        monkeypatch.setattr(logging.getLogger(name), "disabled", True)


@pytest.fixture(autouse=True)
def _files_apart(settings: Any, tmp_path: Path) -> None:
    """Keep what a test attaches in its own folder."""
    storages = {**settings.STORAGES}
    storages["default"] = {
        **storages["default"],
        "OPTIONS": {"location": str(tmp_path / "evidence"), "base_url": None},
    }
    settings.STORAGES = storages
