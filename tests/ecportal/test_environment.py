"""The environment: what is missing or malformed stops the start with a sentence that names it."""

import contextlib
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

pytestmark = pytest.mark.once

PRODUCTION = {
    "ECPORTAL_ENV": "production",
    "SECRET_KEY": "b7Qw0zXk2nV5rT8yU1iO4pA6sD9fG3hJ",
    "ALLOWED_HOSTS": "portal.example.com",
    "DATABASE_URL": "postgres://portal:secret@db.example.com:5432/portal",
    "REDIS_URL": "redis://redis.example.com:6379/0",
    "EMAIL_URL": "smtp+tls://user:password@mail.example.com:587",
    "TIME_ZONE": "Europe/Berlin",
    "BUSINESS_COUNTRY": "DE",
    "AUDIT_MAC_KEY": "7f" * 32,
}
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
REQUIRED = sorted(PRODUCTION.keys() - {"ECPORTAL_ENV"})
MALFORMED = [
    ("ECPORTAL_ENV", "staging"),
    ("AUDIT_MAC_KEY", "short"),
    ("AUDIT_MAC_KEY", "k1:" + "0g" * 32),
    ("SECRET_KEY", "short"),
    ("SECRET_KEY", "a" * 50),
    ("ALLOWED_HOSTS", "*"),
    ("ALLOWED_HOSTS", "https://portal.example.com"),
    ("ALLOWED_HOSTS", "portal example com"),
    ("ALLOWED_HOSTS", "portal.example.com:8443"),
    ("ALLOWED_HOSTS", "["),
    ("ALLOWED_HOSTS", ","),
    ("DATABASE_URL", "portal"),
    ("DATABASE_URL", "mysql://db.example.com/portal"),
    ("DATABASE_URL", "postgres://db.example.com"),
    ("DATABASE_URL", "postgres://db.example.com:port/portal"),
    ("DATABASE_URL", "postgres://[db.example.com/portal"),
    ("REDIS_URL", "redis.example.com:6379"),
    ("REDIS_URL", "http://redis.example.com"),
    ("REDIS_URL", "redis://"),
    ("REDIS_URL", "redis://redis.example.com:99999"),
    ("EMAIL_URL", "mail.example.com"),
    ("EMAIL_URL", "smtp://"),
    ("EMAIL_URL", "smtp://mail.example.com:smtp"),
    ("EMAIL_URL", "imap://mail.example.com"),
    ("MAIL_FROM", "ecportal <nobody"),
    ("MAIL_THREAD_ADDRESS", "changes"),
    ("MAIL_THREAD_ADDRESS", "changes@example.com"),
    ("MAIL_THREAD_ADDRESS", "changes@{thread}.example.com"),
    ("TIME_ZONE", "CET+1"),
    ("TIME_ZONE", "../Berlin"),
    ("TIME_ZONE", "Europe"),
    ("BUSINESS_COUNTRY", "Germany"),
    ("BUSINESS_COUNTRY", "XX"),
    ("BUSINESS_SUBDIVISION", "CA"),
    ("PORTAL_URL", "portal.example.com"),
    ("PORTAL_URL", "https://"),
    ("PORTAL_URL", "ftp://portal.example.com"),
    ("LEAD_SCOPE", "some"),
    ("PRODUCTION_ENVIRONMENTS", ","),
    ("JIRA_EMERGENCY_TYPES", ","),
    ("JIRA_EMERGENCY_LABELS", ","),
    ("EVIDENCE_S3_RETENTION_DAYS", "forever"),
    ("EVIDENCE_S3_RETENTION_DAYS", "-1"),
    ("EVIDENCE_S3_ENDPOINT", "s3.example.com"),
    ("LOG_LEVEL", "LOUD"),
    ("SSL_REDIRECT", "maybe"),
    ("BEHIND_TLS_PROXY", "2"),
    ("PAGERDUTY_API_URL", "http://api.pagerduty.com"),
    ("PAGERDUTY_RESOLVES", "sometimes"),
    ("JIRA_FLAVOR", "server"),
    ("JIRA_USER", "two words"),
    ("JIRA_STATUSES", "approved"),
    ("JIRA_STATUSES", "aproved=In Progress"),
    ("JIRA_STATUSES", "approved=In Progress,approved=Done"),
    ("JIRA_FIELDS", "customfield_1=secret"),
    ("JIRA_FIELDS", "customfield_1=list:risk"),
    ("WEBHOOK_ENDPOINTS", "https://a.example.com/hook"),
    ("WEBHOOK_ENDPOINTS", "https://a.example.com/hook whsec_hunter2"),
    ("WEBHOOK_ENDPOINTS", f"http://a.example.com/hook {WEBHOOK_SECRET}"),
    ("WEBHOOK_ENDPOINTS", f"https://u:p@a.example.com/hook {WEBHOOK_SECRET}"),
    ("WEBHOOK_ENDPOINTS", f"https://a.example.com/?key=1 {WEBHOOK_SECRET}"),
    ("WEBHOOK_ENDPOINTS", f"https://a.example.com/{'a' * 254} {WEBHOOK_SECRET}"),
    ("WEBHOOK_PRIVATE", "perhaps"),
    ("SLACK_CHANNELS", "1=#incidents"),
    ("SLACK_CHANNELS", "5=C0123456789"),
    ("SLACK_API_URL", "http://slack.com/api"),
]
TOGETHER = [
    ({"PAGERDUTY_API_KEY": "key"}, "PAGERDUTY_FROM"),
    ({"PAGERDUTY_FROM": "portal@example.com"}, "PAGERDUTY_API_KEY"),
    ({"JIRA_URL": "https://jira.example.com", "JIRA_PROJECT": "OPS"}, "JIRA_TOKEN"),
    ({"JIRA_URL": "https://jira.example.com", "JIRA_TOKEN": "token"}, "JIRA_PROJECT"),
    ({"JIRA_TOKEN": "token"}, "JIRA_URL"),
    ({"SLACK_BOT_TOKEN": "xoxb-1"}, "SLACK_CHANNEL"),
    ({"SLACK_CHANNEL": "C0123456789"}, "SLACK_BOT_TOKEN"),
]
ROOT = settings.BASE_DIR


def load(values: Mapping[str, str], home: Path) -> dict[str, Any]:
    """Run the settings file as if these were all the variables that are set."""
    with patch.dict(os.environ, {**values, "ECPORTAL_VAR": str(home)}, clear=True):
        return runpy.run_path(str(ROOT / "ecportal" / "settings.py"))


def test_production_starts_with_what_it_requires(tmp_path: Path) -> None:
    loaded = load(PRODUCTION, tmp_path)
    assert loaded["IN_PRODUCTION"]
    assert loaded["DATABASES"]["default"]["HOST"] == "db.example.com"
    assert loaded["DATABASES"]["default"]["PASSWORD"] == "secret"
    assert (loaded["EMAIL_HOST"], loaded["EMAIL_PORT"]) == ("mail.example.com", 587)
    assert loaded["EMAIL_USE_TLS"]
    assert loaded["EMAIL_BACKEND"] == "ecportal.outbox.smtp.EmailBackend"
    assert loaded["MAIL_THREAD_ADDRESS"] == ""
    assert loaded["CELERY_BROKER_URL"] == "redis://redis.example.com:6379/0"
    assert loaded["PORTAL_URL"] == "https://portal.example.com"
    assert loaded["SESSION_COOKIE_SECURE"]
    assert loaded["CSRF_COOKIE_SECURE"]
    assert not loaded["DEBUG"]


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("value", [None, "", "  "])
def test_production_refuses_without_a_required_variable(
    tmp_path: Path, name: str, value: str | None
) -> None:
    values = {key: text for key, text in PRODUCTION.items() if key != name}
    if value is not None:
        values[name] = value
    with pytest.raises(ImproperlyConfigured, match=f"^{name} is not set"):
        load(values, tmp_path)


@pytest.mark.parametrize(("name", "value"), MALFORMED)
def test_production_refuses_a_malformed_variable(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        load({**PRODUCTION, name: value}, tmp_path)
    sentence = str(refused.value)
    assert sentence.startswith(f"{name} is malformed: ")
    assert "\n" not in sentence


@pytest.mark.parametrize(("given", "missing"), TOGETHER)
def test_what_belongs_together_is_set_together(
    tmp_path: Path, given: dict[str, str], missing: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^{missing} is not set, but "):
        load({**PRODUCTION, **given}, tmp_path)


def test_systems_are_told_what_the_environment_says(tmp_path: Path) -> None:
    loaded = load(
        {
            **PRODUCTION,
            "JIRA_STATUSES": "approved=In Progress, closed=Done",
            "JIRA_FIELDS": "customfield_1=option:risk,customfield_2=number",
            "WEBHOOK_ENDPOINTS": f"https://a.example.com/x {WEBHOOK_SECRET}, "
            f"https://b.example.com {WEBHOOK_SECRET}",
        },
        tmp_path,
    )
    assert loaded["JIRA_STATUSES"] == {"approved": "In Progress", "closed": "Done"}
    assert loaded["JIRA_FIELDS"] == {
        "customfield_1": ("option", "risk"), "customfield_2": ("", "number"),
    }  # fmt: skip
    assert loaded["WEBHOOK_ENDPOINTS"] == {
        "https://a.example.com/x": WEBHOOK_SECRET, "https://b.example.com": WEBHOOK_SECRET,
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["DATABASE_URL", "REDIS_URL", "EMAIL_URL", "SECRET_KEY", "JIRA_URL", "WEBHOOK_ENDPOINTS"],
)
def test_refusal_does_not_show_a_secret(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        load({**PRODUCTION, name: "gopher://u:hunter2@h"}, tmp_path)
    assert "hunter2" not in str(refused.value)


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)
URLS = st.builds(
    "{}{}{}".format,
    st.sampled_from(
        [
            "sqlite:///",
            "postgres://",
            "redis://",
            "unix://",
            "smtp://",
            "filemail://",
            "https://",
            ":",
        ]
    ),
    st.sampled_from(["", "host", "user:p%zz@host:", "[::1]:1", "[", "host:99999", "@", ":@:"]),
    TEXTS,
)
NAMES = st.sampled_from(sorted({name for name, _value in MALFORMED}))


@hypothesis_settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(NAMES, TEXTS | URLS)
def test_garbage_is_taken_or_refused_by_name_and_nothing_else(
    tmp_path: Path, name: str, value: str
) -> None:
    with contextlib.suppress(ImproperlyConfigured):
        load({**PRODUCTION, name: value}, tmp_path)
        return
    with pytest.raises(ImproperlyConfigured, match=rf"^{name} is (malformed|not set)"):
        load({**PRODUCTION, name: value}, tmp_path)


def test_nothing_set_means_production_and_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^SECRET_KEY is not set.*`make run`"):
        load({}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_checkout_in_which_the_demo_ran_is_a_demo_unless_told_otherwise(tmp_path: Path) -> None:
    (tmp_path / "demo").touch()
    assert load({}, tmp_path)["ENVIRONMENT"] == "demo"
    with pytest.raises(ImproperlyConfigured, match=r"^ALLOWED_HOSTS is not set"):
        load({"SECRET_KEY": PRODUCTION["SECRET_KEY"]}, tmp_path)


@pytest.mark.parametrize("mode", ["demo", "test"])
def test_demo_and_tests_start_with_no_other_variable(tmp_path: Path, mode: str) -> None:
    first, second = (load({"ECPORTAL_ENV": mode}, tmp_path) for _ in range(2))
    assert first["SECRET_KEY"] == second["SECRET_KEY"]
    assert (tmp_path / "secret-key").stat().st_mode & 0o777 == 0o600
    assert Path(first["DATABASES"]["default"]["NAME"]).is_relative_to(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", None),
        ("DATABASE_URL", None),
        ("REDIS_URL", "localhost"),
        ("EMAIL_URL", "smtp://host:port"),
        ("TIME_ZONE", "Berlin"),
        ("ECPORTAL_ENV", "prod"),
    ],
)
def test_command_line_refuses_in_one_line(tmp_path: Path, name: str, value: str | None) -> None:
    values = {**PRODUCTION, name: value, "ECPORTAL_VAR": str(tmp_path), "PATH": os.environ["PATH"]}
    run = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={key: text for key, text in values.items() if text is not None},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode != 0
    assert run.stdout == ""
    assert re.fullmatch(rf"ecportal cannot start: {name} is [^\n]+\n", run.stderr)


def test_readme_lists_every_variable_that_the_settings_ask_for(tmp_path: Path) -> None:
    asked = load(PRODUCTION, tmp_path)["env"].asked
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [line for line in readme.splitlines() if line.startswith("|")]
    missing = [name for name in asked if not any(f"`{name}`" in row for row in rows)]
    assert not missing
