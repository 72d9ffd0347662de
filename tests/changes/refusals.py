"""What a refusal must be: a sentence, and nothing written anywhere; shared by all guard tests."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection, models, transaction

from ecportal.accounts.models import User
from ecportal.lifecycle import Lifecycle, TransitionRefused
from tests.scenario import Company, person

WATCHED = {"accounts", "changes", "ecportal", "guardian", "incidents", "outbox", "reviews"}


def everything_written() -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table of the process, histories and permissions included."""
    return {
        model._meta.db_table: list(model._base_manager.order_by("pk").values_list())
        for model in watched()
    }


@functools.cache
def watched() -> list[type[models.Model]]:
    tables = [model for model in apps.get_models() if model._meta.app_label in WATCHED]
    return [*tables, User.groups.through]


class Written:
    """Keeps the statements of a block that may have written and were not rolled back in it."""

    READS = ("SELECT", "RELEASE", "PRAGMA", "EXPLAIN")

    def __init__(self) -> None:
        self.statements: list[str] = []
        self._savepoints: dict[str, int] = {}

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        words = sql.split()
        if words[0] == "SAVEPOINT":
            self._savepoints[words[-1]] = len(self.statements)
        elif words[0] == "ROLLBACK":
            del self.statements[self._savepoints.get(words[-1], 0) :]
        elif words[0] not in self.READS:
            self.statements.append(sql)
        return execute(sql, params, many, context)

    @property
    def to_the_process(self) -> list[str]:
        """Return those that name a table of the process; the log of refusals is none."""
        names = [f'"{model._meta.db_table}"' for model in watched()]
        return [sql for sql in self.statements if any(name in sql for name in names)]


@contextmanager
def nothing_written() -> Iterator[None]:
    """Fail if the block leaves a row of the process other than it was.

    Inside a transaction it is enough to follow the statements; else all rows are laid side by side.
    """
    written = Written()
    inside = connection.in_atomic_block
    before = {} if inside else everything_written()
    with connection.execute_wrapper(written):
        yield
    if inside:
        assert written.to_the_process == []
    else:
        assert everything_written() == before


def assert_refused(
    lifecycle: Lifecycle[Any],
    record: models.Model,
    verb: str,
    by: User,
    sentence: str | None = None,
    **data: Any,
) -> str:
    """Perform, expect a refusal that is a sentence, check that nothing was written; return it."""
    data.setdefault("reason", "Because.")
    refused = pytest.raises((TransitionRefused, ValidationError))
    with nothing_written(), refused as caught:
        lifecycle.perform(record, verb, by=by, **data)
    said = "; ".join(caught.value.messages)
    assert " " in said
    assert said[-1] in ".”"
    if sentence is not None:
        assert sentence in said
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
    """Parametrize a test with `situation`, each of which it passes to `check_each_way`."""

    def name(value: Any) -> str:
        return str(value.__name__).removeprefix("assert_")

    def mark(test: Callable[..., Any]) -> Callable[..., Any]:
        return pytest.mark.parametrize("situation", cases, ids=name)(test)

    return mark


def check_each_way(situation: Callable[[Company], Case], company: Company) -> None:
    """Check the guard four times, each in a situation of its own that is undone afterwards."""
    for check in CHECKS:
        with transaction.atomic():
            check(situation(_anew(company)))
            transaction.set_rollback(True)


def _anew(company: Company) -> Company:
    """Return the company as the database has it: objects keep what was asked for before."""
    return replace(company, **{
        one.name: type(kept)._default_manager.get(pk=kept.pk)
        for one in fields(company) for kept in [getattr(company, one.name)]
    })  # fmt: skip
