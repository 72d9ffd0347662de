"""Writing rows around the rule layer, to see the database refuse them by the right constraint."""

from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction


def refusal(rows: models.QuerySet[Any], **values: Any) -> str:
    """Update the rows with bad values; return what the database says, or nothing. Keeps nothing."""
    assert rows.exists()
    try:
        with transaction.atomic():
            models.QuerySet.update(rows, **values)
            transaction.set_rollback(True)
    except IntegrityError as error:
        return str(error)
    return ""


def assert_refused_by(constraint: str, rows: models.QuerySet[Any], **values: Any) -> None:
    """Update the rows with bad values and expect this constraint to refuse."""
    assert constraint in refusal(rows, **values)


def assert_copy_refused_by(constraint: str, row: models.Model, **values: Any) -> None:
    """Insert a second row like this one and expect this constraint to refuse."""
    copy = type(row)._default_manager.get(pk=row.pk)
    copy.pk = None
    for name, value in values.items():
        setattr(copy, name, value)
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        type(row)._base_manager.bulk_create([copy])
    # SQLite names the table and the columns instead.
    named = row._meta.db_table if connection.vendor == "sqlite" else constraint
    assert named in str(caught.value)


def constraints_of(app: str) -> set[str]:
    """Return the names of all constraints that the app's models declare, histories apart."""
    return {
        constraint.name
        for model in apps.get_app_config(app).get_models()
        for constraint in model._meta.constraints
    }
