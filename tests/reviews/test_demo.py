"""The demo: every page has something to show, on every day of the year."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import models, transaction
from django.db.models import Count

from changes.models import Approval, Delegation, EmergencyChange
from ecportal import clock
from ecportal.accounts import roles
from ecportal.accounts.models import User
from ecportal.outbox.models import Message
from incidents.models import Incident
from reviews.business_days import company_calendar
from reviews.models import ControlException, Deadline, FollowUpAction, Notice

pytestmark = [pytest.mark.once, pytest.mark.slow]

BERLIN = ZoneInfo("Europe/Berlin")
WEDNESDAY = datetime(2026, 11, 25, 10, 0, tzinfo=BERLIN)
DAYS = {
    "New Year's Day": datetime(2027, 1, 1, 0, 1, tzinfo=BERLIN),
    "Easter Monday": datetime(2026, 4, 6, 8, 0, tzinfo=BERLIN),
    "the night in which an hour is missing": datetime(2026, 3, 29, 3, 10, tzinfo=BERLIN),
    "the second two o'clock of a night": datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1),
}
Kind = ControlException.Kind
BY_PROCESS = set(Kind) - {Kind.NOT_DECLARED, Kind.NO_INCIDENT}


def load(*options: str) -> str:
    out = StringIO()
    call_command("load_demo", *options, stdout=out)
    return out.getvalue()


# The tests that load by themselves stand before the first that asks for this one.
@pytest.fixture(scope="module")
def loaded(django_db_setup: None, django_db_blocker: Any) -> Iterator[datetime]:
    """The demo, loaded once for all tests of this file, as of a Wednesday morning."""
    with django_db_blocker.unblock(), transaction.atomic():
        with clock.at(WEDNESDAY):
            load()
        yield WEDNESDAY
        transaction.set_rollback(True)


@pytest.fixture
def demo(loaded: datetime, db: None) -> Iterator[datetime]:
    with clock.at(loaded):
        yield loaded


def change(title: str) -> EmergencyChange:
    return EmergencyChange.objects.get(title=title)


def snapshot() -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table."""
    return {
        model._meta.label: list(model._default_manager.order_by("pk").values_list())
        for model in apps.get_models(include_auto_created=True)
    }


def times() -> set[datetime]:
    """Return each time at which a row of any table says that something was."""
    owed = {"due_at", "ends_at", "begins_at", "access_from", "access_until", "expire_date",
            "held_until", "look_at"}  # fmt: skip
    return {
        moment
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.DateTimeField) and field.name not in owed
        for moment in model._default_manager.values_list(field.name, flat=True)
        if moment is not None
    }


@pytest.mark.django_db
@pytest.mark.parametrize("now", DAYS.values(), ids=DAYS)
def test_demo_loads_on_any_day_and_shows_everything(now: datetime) -> None:
    before = times()
    with clock.at(now):
        load("--once")
    assert set(EmergencyChange.objects.values_list("status", flat=True)) == set(
        EmergencyChange.Status.values
    )
    assert set(ControlException.objects.values_list("kind", flat=True)) == BY_PROCESS
    assert Message.objects.filter(notices__isnull=False).distinct().count() <= 60
    assert not Message.objects.filter(sent_at=None).exists()
    assert max(times() - before) <= now
    review = change("Check every name that needs it").deadlines.get(kind="review")
    calendar, today = company_calendar(), now.date()
    day = today if calendar.is_business_day(today) else calendar.next_business_day(today)
    assert review.due_at == calendar.end_of_day(day)


@pytest.mark.django_db
def test_demo_is_refused_in_production(settings: Any) -> None:
    settings.IN_PRODUCTION = True
    with pytest.raises(CommandError, match="production"):
        load("--once")
    assert not Incident.objects.exists()


@pytest.mark.django_db
def test_half_a_demo_is_never_left() -> None:
    Group.objects.get(name=roles.AUDITOR).delete()
    with pytest.raises(Group.DoesNotExist):
        load("--once")
    assert not User.objects.filter(is_system=False).exists()


def test_intervals_within_an_incident_are_the_published_ones(demo: datetime) -> None:
    published = {
        "https://blog.cloudflare.com/details-of-the-cloudflare-outage-on-july-2-2019/": [
            0, 3, 18, 20, 25, 27, 70,
        ],
        "https://www.fastly.com/blog/summary-of-june-8-outage": [
            0, 1, 11, 40, 49, 73, 168, 177, 458,
        ],
        "https://aws.amazon.com/message/41926/": [0, 120, 169, 221, 257],
        "https://about.gitlab.com/blog/2017/02/01/gitlab-dot-com-database-incident/": [
            0, 60, 87, 20 * 60 + 14,
        ],
        "https://github.blog/2018-10-30-oct21-post-incident-analysis/": [
            0, 2, 15, 19, 17 * 60 + 32, 24 * 60 + 11,
        ],
    }  # fmt: skip
    for url, minutes in published.items():
        incident = Incident.objects.get(source_url=url)
        notes = incident.notes.exclude(text__startswith="Published report")
        assert [note.happened_at - incident.began_at for note in notes] == [
            timedelta(minutes=minute) for minute in minutes
        ], url


def test_work_takes_as_long_as_published(demo: datetime) -> None:
    kill = change("Turn the WAF managed rules off worldwide")
    assert kill.finished_at - kill.started_at == timedelta(minutes=2)
    assert kill.verified_at - kill.incident.began_at == timedelta(minutes=70)
    restart = change("Restart the index subsystem")
    assert restart.finished_at - restart.incident.began_at == timedelta(hours=3, minutes=41)


def test_each_incident_names_its_report_and_says_what_is_invented(demo: datetime) -> None:
    for incident in Incident.objects.all():
        about = incident.notes.get(text__startswith="Published report")
        assert incident.source_url.startswith("https://")
        assert incident.source_url in about.text
        assert "the people and decisions are invented for this demo." in about.text


def test_each_exception_is_where_it_was_meant_to_be(demo: datetime) -> None:
    found = defaultdict(set)
    for exception in ControlException.objects.select_related("change"):
        found[exception.change.title].add(exception.kind)
    assert found == {
        "Restore the East Coast primaries from backup": {Kind.REVIEW_LATE},
        "Restart the index subsystem": {Kind.UNAPPROVED, Kind.RETROACTIVE_LATE},
        "Move the status page's console off the object storage": {
            Kind.APPROVAL_LATE,
            Kind.NOT_GENUINE,
        },
        "Restore the primary from the staging copy": {
            Kind.DOCUMENTATION_LATE,
            Kind.EVIDENCE_MISSING,
        },
        "Double the web tier by hand": {Kind.DENIED, Kind.UNAPPROVED},
        "Take the new code off the order router": {Kind.DUTIES},
        "Announce the resolver's prefixes again": {Kind.UNCONFIRMED},
    }


def test_every_history_row_names_actor_and_reason(demo: datetime) -> None:
    historical = [model for model in apps.get_models() if hasattr(model, "history_change_reason")]
    assert len(historical) > 10
    for model in historical:
        rows = model.objects.all()
        if model._meta.model_name == "historicaluser":
            rows = rows.exclude(is_system=True)
        assert not rows.filter(history_user_id=None).exists(), model
        assert not rows.filter(history_change_reason=None).exists(), model
        assert not rows.filter(history_change_reason="").exists(), model


def test_people_have_human_names_addresses_and_one_role_each(demo: datetime) -> None:
    people = User.objects.filter(is_system=False).annotate(roles=Count("groups"))
    assert {person.username for person in people} == {
        "engineer", "engineer2", "lead", "lead2", "auditor", "roleadmin",
    }  # fmt: skip
    for person in people:
        assert person.get_full_name()
        assert person.email == f"{person.username}@example.test"
        assert person.roles == 1
        assert not person.is_superuser


def test_delegated_decision_says_for_whom(demo: datetime) -> None:
    approval = Approval.objects.get(change__title__startswith="Turn quota enforcement off")
    assert approval.decided_by == (
        f"Tomasz Zieliński for Elena Kowalczyk (delegation {approval.delegation_id})"
    )
    assert Delegation.objects.valid_at(demo).count() == 1


def test_what_waits_now_is_still_in_time(demo: datetime) -> None:
    for title, kind in {
        "Revert the order of the routing terms": "approval",
        "Take the content update back": "confirmation",
        "Patch the logging library in the log pipeline": "documentation",
        "Check every name that needs it": "review",
        "Disable the configuration that triggers the bug": "catch_up",
    }.items():
        deadline = change(title).deadlines.running().get(kind=kind)
        assert demo < deadline.due_at < demo + timedelta(hours=24), title


def test_follow_up_is_overdue_and_its_owner_was_told(demo: datetime) -> None:
    overdue = Deadline.objects.overdue(demo)
    action = FollowUpAction.objects.get(
        status="open", deadlines__in=overdue.filter(kind="follow_up")
    )
    told = Notice.objects.filter(escalation__deadline__follow_up=action)
    assert action.owner in {notice.person for notice in told}


def test_confidential_change_is_hidden_from_no_lead_but_from_strangers(demo: datetime) -> None:
    hidden = EmergencyChange.objects.get(confidential=True)
    seen_by = {
        person.username
        for person in User.objects.filter(is_system=False)
        if EmergencyChange.objects.visible_to(person).filter(pk=hidden.pk).exists()
    }
    assert seen_by == {"engineer", "engineer2", "lead", "lead2", "auditor"}


def test_ledger_shows_messages_sent_soon_after_they_were_due(demo: datetime) -> None:
    assert Message.objects.filter(notices__isnull=False).exists()
    told = Notice.objects.exclude(message=None).select_related("message", "escalation")
    lags = [notice.message.sent_at - notice.escalation.reached_at for notice in told]
    held = [lag for lag in lags if lag]
    assert len(held) < len(lags)
    assert all(timedelta() < lag <= timedelta(days=3) for lag in held)
    assert all(notice.remark for notice in Notice.objects.filter(message=None))


def test_second_run_changes_nothing(demo: datetime) -> None:
    before = snapshot()
    assert load("--once") == "The demo is loaded; 0 passwords were changed.\n"
    assert snapshot() == before


def test_without_once_a_database_with_incidents_is_refused(demo: datetime) -> None:
    before = snapshot()
    with pytest.raises(CommandError, match="has incidents already"):
        load()
    assert snapshot() == before


def test_passwords_follow_the_variable(demo: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_PASSWORD", "correct horse")
    assert load("--once") == "The demo is loaded; 6 passwords were changed.\n"
    assert all(
        person.check_password("correct horse") for person in User.objects.exclude(is_system=True)
    )
