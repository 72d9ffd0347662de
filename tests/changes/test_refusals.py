"""The check of a refusal sees what was written, and forgives what was taken back."""

import pytest
from django.db import transaction

from incidents.models import System
from tests.changes.refusals import nothing_written
from tests.scenario import Company

pytestmark = pytest.mark.once


def rename() -> None:
    System._base_manager.update(description="Another.")


def rename_and_take_back() -> None:
    with transaction.atomic():
        with transaction.atomic():
            rename()
        transaction.set_rollback(True)


def rename_around() -> None:
    rename()
    rename_and_take_back()


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.django_db(transaction=True)
def test_what_stays_is_seen(company: Company, inside: bool) -> None:
    with transaction.atomic() if inside else nothing_written():
        with nothing_written():
            rename_and_take_back()
        with pytest.raises(AssertionError), nothing_written():
            rename()
        System._base_manager.update(description="")


def test_what_stays_is_seen_after_something_else_was_taken_back(company: Company) -> None:
    with pytest.raises(AssertionError), nothing_written():
        rename_around()
