"""What a refusal must be: a sentence, and nothing written anywhere; shared by all guard tests."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models

from ecportal.accounts.models import User
from ecportal.lifecycle import Lifecycle, TransitionRefused
from tests.scenario import person

WATCHED = {"accounts", "changes", "ecportal", "guardian", "incidents", "outbox", "reviews"}


def everything_written() -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table of the process, histories and permissions included."""
    tables = [model for model in apps.get_models() if model._meta.app_label in WATCHED]
    tables.append(User.groups.through)
    return {
        model._meta.db_table: list(model._base_manager.order_by("pk").values_list())
        for model in tables
    }


def assert_refused(
    lifecycle: Lifecycle[Any],
    record: models.Model,
    verb: str,
    by: User,
    sentence: str | None = None,
    **data: Any,
) -> str:
    """Perform, expect a refusal that is a sentence, check that nothing was written; return it."""
    before = everything_written()
    data.setdefault("reason", "Because.")
    with pytest.raises((TransitionRefused, ValidationError)) as caught:
        lifecycle.perform(record, verb, by=by, **data)
    said = "; ".join(caught.value.messages)
    assert " " in said
    assert said[-1] in ".”"
    if sentence is not None:
        assert sentence in said
    assert everything_written() == before
    return said


@dataclass
class Case:
    """A situation in which one guard refuses `by`; `mend` changes it so that it lets through."""

    lifecycle: Lifecycle[Any]
    record: models.Model
    verb: str
    by: User
    sentence: str
    mend: Callable[["Case"], None]
    data: dict[str, Any] = field(default_factory=dict)

    def assert_refuses(self) -> None:
        assert_refused(self.lifecycle, self.record, self.verb, self.by, self.sentence, **self.data)

    def assert_lets_through(self) -> None:
        self.mend(self)
        data = {"reason": "Because.", **self.data}
        self.lifecycle.perform(self.record, self.verb, by=self.by, **data)
        assert self.record.history.first().history_verb == self.verb

    def assert_binds_superuser_in_role(self) -> None:
        self.by.is_superuser = True
        self.by.save()
        self.assert_refuses()

    def assert_superuser_without_role_holds_no_verb(self) -> None:
        self.mend(self)
        god = person("god", is_superuser=True)
        assert_refused(
            self.lifecycle, self.record, self.verb, god, "Your role does not include", **self.data
        )


CHECKS = (
    Case.assert_refuses,
    Case.assert_lets_through,
    Case.assert_binds_superuser_in_role,
    Case.assert_superuser_without_role_holds_no_verb,
)


def every_check(*cases: Callable[..., Case]) -> Callable[..., Any]:
    """Parametrize a test with `situation` and `check`: each guard four times."""

    def name(value: Any) -> str:
        return str(value.__name__).removeprefix("assert_")

    def mark(test: Callable[..., Any]) -> Callable[..., Any]:
        test = pytest.mark.parametrize("check", CHECKS, ids=name)(test)
        return pytest.mark.parametrize("situation", cases, ids=name)(test)

    return mark
