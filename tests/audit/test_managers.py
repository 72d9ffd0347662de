"""No tracked model has a way to change rows without a word in their history."""

import json
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import models, transaction
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from ecportal.audit import drift
from ecportal.audit.models import AuditEvent
from ecportal.history import TrackedQuerySet
from incidents.models import System
from tests.scenario import Company, a_draft

pytestmark = pytest.mark.django_db

OURS = [m for m in drift.tracked_models() if m._meta.app_label != "guardian"]
each_model = pytest.mark.parametrize("model", OURS, ids=lambda m: m._meta.label_lower)

Model = type[models.Model]


def test_every_model_of_the_process_is_tracked() -> None:
    from django.apps import apps

    mine = {"accounts", "changes", "incidents", "integrations", "outbox", "reviews"}
    bookkeeping = {"watch", "openreminder", "setback", "calendarfeed", "deliveryattempt",
                   "evidencepack", "populationrow", "remoteobject"}  # fmt: skip
    kept = {
        model._meta.label_lower
        for model in apps.get_models()
        if model._meta.app_label in mine
        and not model._meta.model_name.startswith("historical")
        and model._meta.model_name not in bookkeeping
    }
    assert {model._meta.label_lower for model in OURS} == kept
    assert len(kept) == 37


@each_model
def test_update_is_refused(model: Model) -> None:
    with pytest.raises(NotImplementedError, match="would leave no history"):
        model._default_manager.update(pk=1)
    with pytest.raises(NotImplementedError, match=model.__name__):
        model._default_manager.filter(pk=1).order_by("pk").update(pk=2)


@each_model
def test_bulk_create_is_refused(model: Model) -> None:
    with pytest.raises(NotImplementedError, match="bulk_create"):
        model._default_manager.bulk_create([])


@each_model
def test_bulk_update_is_refused(model: Model) -> None:
    with pytest.raises(NotImplementedError, match="bulk_update"):
        model._default_manager.bulk_update([], ["pk"])


@pytest.mark.parametrize("verb", ["update", "bulk_create", "bulk_update"])
def test_relations_lead_through_the_same_managers(company: Company, verb: str) -> None:
    related = a_draft(company).systems
    arguments: list[Any] = [[], ["system"]][: 2 if verb == "bulk_update" else 1]
    with pytest.raises(NotImplementedError):
        related.update(pk=1) if verb == "update" else getattr(related, verb)(*arguments)


def test_every_manager_of_every_model_is_guarded() -> None:
    for model in OURS:
        for manager in model._meta.managers:
            if manager.name == "history":
                continue
            assert isinstance(manager.get_queryset(), TrackedQuerySet), (model, manager.name)


def test_deleting_many_leaves_a_history_row_for_each(company: Company) -> None:
    change = a_draft(company)
    keys = list(change.systems.values_list("pk", flat=True))
    change.systems.all().delete()
    past = drift.history_of(change.systems.model)
    assert past.objects.filter(history_type="-", id__in=keys).count() == len(keys) == 1
    assert all(not list(drift.drifts(model)) for model in OURS)


def attested(source: str) -> list[dict[str, Any]]:
    events = AuditEvent.objects.filter(source=source).order_by("pk")
    return [json.loads(str(event.body))["fields"] for event in events]


def test_bulk_update_with_history_is_attested(company: Company) -> None:
    system = System.objects.get()
    system.description = "Changed in bulk."
    bulk_update_with_history(
        [system], System, ["description"], manager=System._base_manager,
        default_user=company.lead, default_change_reason="Because.",
    )  # fmt: skip
    row = system.history.first()
    told = attested("incidents.historicalsystem")
    assert len(told) == 2
    assert told[-1]["description"] == "Changed in bulk."
    assert (told[-1]["history_id"], told[-1]["history_type"]) == (row.pk, "~")
    assert told[-1]["history_user_id"] == company.lead.pk
    assert told[-1]["history_change_reason"] == "Because."
    assert list(drift.drifts(System)) == []


def test_bulk_update_with_history_through_the_usual_manager_is_refused(company: Company) -> None:
    with pytest.raises(NotImplementedError), transaction.atomic():
        bulk_update_with_history([company.system], System, ["description"])
    with pytest.raises(NotImplementedError), transaction.atomic():
        bulk_create_with_history([System(name="billing")], System)
    assert list(drift.drifts(System)) == []


def test_people_are_still_made_by_their_own_manager(db: None) -> None:
    user = get_user_model().objects.create_user("ada", password="x")
    assert [row["username"] for row in attested("accounts.historicaluser")][-1] == "ada"
    assert list(drift.drifts(type(user))) == []
