"""The home pages of Auditors, Role Administrators, and of people without any role."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ecportal import clock
from ecportal.accounts import roles
from ecportal.accounts.lifecycle import LIFECYCLE as PEOPLE
from ecportal.accounts.models import User
from reviews.auditors_home import quarter_so_far
from reviews.models import EvidencePack, SampleItem
from reviews.working_papers import SAMPLE_ITEMS
from tests.changes.delegating import delegated
from tests.pages.conftest import SignIn
from tests.pages.test_home import section, shown, words
from tests.pages.world import a_checkpoint, a_population, a_sample
from tests.reviews.test_trend import at
from tests.scenario import Company, a_change, person

pytestmark = pytest.mark.once


# --- Auditors -----------------------------------------------------------------------------------
def test_auditor_reads_what_is_open_and_is_asked_for_nothing(
    company: Company, signed_in: SignIn
) -> None:
    a_change(company, "submitted", title="Disable retries")
    text = shown(signed_in(company.auditor))
    assert section(text, "needs-you") == ""
    assert "Disable retries" in section(text, "open-emergencies")
    assert "/decide/" not in text
    assert "/act/" not in text


def test_quarter_counts_what_was_opened_in_it(company: Company) -> None:
    with clock.at(at(3, 31, 21)):
        a_change(company)
    with clock.at(at(3, 31, 23)):  # April by the company's clock
        first = a_change(company, "cancelled")
    with clock.at(at(5)):
        last = a_change(company)
    quarter = quarter_so_far(at(5, 20))
    assert (quarter.count, quarter.cancelled) == (2, 1)
    assert (quarter.first, quarter.last) == (first.number, last.number)
    assert quarter.name == "Q2 2099"
    assert quarter_so_far(at(9)).count == 0


def test_auditor_sees_populations_and_the_state_of_their_own_samples(
    company: Company, signed_in: SignIn
) -> None:
    client = signed_in(company.auditor)
    assert "You have drawn no sample" in section(shown(client), "samples")
    for status in ("closed", "documented"):
        a_change(company, status)
    sample = a_sample(company)
    waiting = SampleItem.objects.first()
    assert waiting
    SAMPLE_ITEMS.perform(waiting, "request", by=company.auditor, reason="Show the log.",
                         request="Show the log.")  # fmt: skip
    text = shown(client)
    assert sample.population.number in section(text, "populations")
    assert f"{sample.number} 2 of 2" in words(section(text, "samples"))
    assert "1 waiting" in words(section(text, "samples"))
    other = signed_in(person("auditor2", roles.AUDITOR))
    assert sample.number not in section(shown(other), "samples")


def test_auditor_sees_their_own_packs_and_not_those_of_others(
    company: Company, signed_in: SignIn
) -> None:
    now = clock.now()
    for label, user in (("Mine", company.auditor), ("Theirs", company.lead)):
        EvidencePack.objects.create(label=label, numbers="EC-2026-0001", requested_by=user,
                                    requested_at=now, total=1)  # fmt: skip
    text = words(section(shown(signed_in(company.auditor)), "packs"))
    assert "Mine" in text
    assert "Waiting" in text
    assert "Theirs" not in text


def test_auditor_sees_the_trail_and_when_their_access_ends(
    company: Company, signed_in: SignIn
) -> None:
    a_checkpoint(4711)
    end = clock.now() + timedelta(days=3, minutes=1)
    User._base_manager.filter(pk=company.auditor.pk).update(access_until=end)
    text = shown(signed_in(User.objects.get(pk=company.auditor.pk)))
    assert "4711 events signed" in words(section(text, "trail"))
    assert "Not verified yet" in words(section(text, "trail"))
    assert "Your access ends" in words(text)
    assert "3 d left" in words(section(text, "access"))


# --- Role Administrators ------------------------------------------------------------------------
def test_administrator_sees_who_has_no_role_and_can_give_one(
    company: Company, signed_in: SignIn
) -> None:
    client = signed_in(company.roleadmin)
    assert "Everybody has a role" in section(shown(client), "without-role")
    plain = person("newcomer")
    person("gone", is_active=False)
    text = section(shown(client), "without-role")
    address = f"/admin/accounts/user/{plain.pk}/act/assign_role/"
    assert f'href="{address}"' in text
    assert "Gone" not in text
    assert client.get(address).status_code == 200
    for number in range(9):
        person(f"more{number}")
    assert "4 more; see all people" in words(section(shown(client), "without-role"))


def test_administrator_sees_nobody_without_a_role_who_cannot_sign_in(
    company: Company, signed_in: SignIn
) -> None:
    now = clock.now()
    person("pipeline", is_service=True)
    person("ended", access_until=now)
    person("tobegin", access_from=now + timedelta(days=1))
    text = words(section(shown(signed_in(company.roleadmin)), "without-role"))
    assert "Everybody has a role" in text


def test_role_counts_those_alone_who_can_sign_in(company: Company, signed_in: SignIn) -> None:
    person("former", roles.ENGINEER, access_until=clock.now())
    person("other", roles.ENGINEER, is_active=False)
    assert "Engineer 2" in words(section(shown(signed_in(company.roleadmin)), "roles"))


def test_administrator_is_told_whether_another_one_can_act(
    company: Company, signed_in: SignIn
) -> None:
    client = signed_in(company.roleadmin)
    assert "You are the only Role Administrator who can sign in." in words(shown(client))
    second = person("second", roles.ROLE_ADMINISTRATOR)
    assert "1 other Role Administrator can act: Second." in words(shown(client))
    User._base_manager.filter(pk=second.pk).update(access_until=clock.now())
    assert "You are the only Role Administrator" in words(shown(client))


def test_administrator_sees_access_that_ends_soon_or_ended_lately(
    company: Company, signed_in: SignIn
) -> None:
    now = clock.now()
    for name, days in (("soon", 5), ("late", 200), ("over", -5), ("longago", -200)):
        person(name, roles.AUDITOR, access_until=now + timedelta(days=days))
    text = section(shown(signed_in(company.roleadmin)), "ending")
    assert ("Soon" in text, "Over" in text) == (True, True)
    assert ("Late" in text, "Longago" in text) == (False, False)
    assert "Auditor; until" in words(text)
    assert (text.count("/act/revise/"), text.count("/act/deactivate/")) == (1, 1)


def test_administrator_sees_who_changed_which_membership_and_why(
    company: Company, signed_in: SignIn
) -> None:
    group = Group.objects.get(name=roles.LEAD)
    PEOPLE.perform(company.engineer2, "assign_role", by=company.roleadmin, reason="Promoted.",
                   role=group)  # fmt: skip
    text = words(section(shown(signed_in(company.roleadmin)), "lately"))
    assert "Engineer2 Role: Engineering Lead Roleadmin gave a role: Promoted." in text


def test_administrator_sees_how_many_hold_each_role_and_the_delegations(
    company: Company, signed_in: SignIn
) -> None:
    delegated(company.lead, company.engineer)
    text = shown(signed_in(company.roleadmin))
    assert "Engineer 2" in words(section(text, "roles"))
    assert "Auditor 1 Nobody can stand in" in words(section(text, "roles"))
    assert "Engineer for Lead" in words(section(text, "delegations"))
    assert "EC-" not in text


# --- nobody -------------------------------------------------------------------------------------
def test_somebody_without_a_role_is_told_who_gives_one(company: Company, signed_in: SignIn) -> None:
    a_change(company, "submitted")
    text = shown(signed_in(person("newcomer")))
    assert "You have no role yet" in words(text)
    assert 'href="mailto:roleadmin@example.test"' in text
    assert "EC-" not in text
    assert section(text, "needs-you") == ""


def test_superuser_without_a_role_is_asked_for_nothing(company: Company, signed_in: SignIn) -> None:
    a_change(company, "submitted")
    text = shown(signed_in(person("root", is_superuser=True)))
    assert "You have no role yet" in words(text)
    assert section(text, "needs-you") == ""


@pytest.mark.parametrize("role", [roles.AUDITOR, roles.ROLE_ADMINISTRATOR])
def test_more_rows_take_no_more_queries(company: Company, signed_in: SignIn, role: str) -> None:
    client = signed_in(person("reader", role))

    def rows() -> None:
        a_change(company, "submitted")
        a_population(company)
        person(f"p{User.objects.count()}", access_until=clock.now() + timedelta(days=2))

    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            client.get("/admin/")
        return len(caught)

    rows()
    queries()
    before = queries()
    for _ in range(4):
        rows()
    assert queries() == before <= 25
