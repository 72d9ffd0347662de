"""Whatever a column holds: reading its row twice gives the same body, on either database."""

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.apps.registry import Apps
from django.db import connection, models, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecportal import clock
from ecportal.audit import bodies, protection, stored

pytestmark = pytest.mark.django_db


class Specimen(models.Model):
    """A throw-away table with a column of each kind."""

    a_char = models.CharField(max_length=50)
    a_text = models.TextField(null=True)
    a_link = models.URLField(max_length=300)
    a_flag = models.BooleanField(null=True)
    a_small = models.PositiveSmallIntegerField(null=True)
    a_positive = models.PositiveIntegerField(null=True)
    an_integer = models.IntegerField(null=True)
    a_size = models.PositiveBigIntegerField(null=True)
    a_big = models.BigIntegerField(null=True)
    a_moment = models.DateTimeField(null=True)
    a_day = models.DateField(null=True)
    a_time = models.TimeField(null=True)
    a_length = models.DurationField(null=True)
    an_amount = models.DecimalField(max_digits=12, decimal_places=3, null=True)
    a_float = models.FloatField(null=True)
    a_uuid = models.UUIDField(null=True)
    some_bytes = models.BinaryField(null=True)
    some_json = models.JSONField(null=True)
    a_file = models.FileField(max_length=100)
    another = models.ForeignKey("self", models.DO_NOTHING, db_constraint=False, null=True)

    class Meta:
        app_label = "audit"
        apps = Apps()

    def __str__(self) -> str:
        return f"specimen {self.pk}"


def text(length: int) -> Any:
    # PostgreSQL stores neither NUL nor half a surrogate pair, and forms refuse both.
    return st.text(
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=length
    )


def up_to(bits: int, least: int = 0) -> Any:
    return st.none() | st.integers(least, 2**bits - 1)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text(10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text(5), inner, max_size=3),
    max_leaves=6,
)
values = st.fixed_dictionaries(
    {
        "a_char": text(50),
        "a_text": st.none() | text(300),
        "a_link": text(300),
        "a_flag": st.none() | st.booleans(),
        "a_small": up_to(15),
        "a_positive": up_to(31),
        "an_integer": up_to(31, -(2**31)),
        "a_size": up_to(63),
        "a_big": up_to(63, -(2**63)),
        "a_moment": st.none()
        | st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.timezones()),
        "a_day": st.none() | st.dates(),
        "a_time": st.none() | st.times(),
        "a_length": st.none() | st.timedeltas(timedelta(-90000), timedelta(90000)),
        "an_amount": st.none() | st.decimals(-999_999_999, 999_999_999, places=3),
        "a_float": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "a_uuid": st.none() | st.uuids(),
        "some_bytes": st.none() | st.binary(max_size=40),
        "some_json": json_values,
        "a_file": text(100),
        "another_id": up_to(63),
    }
)


@pytest.fixture
def table(db: None) -> None:
    statement, parameters = connection.schema_editor().table_sql(Specimen)
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)


def as_attested(pk: int) -> dict[str, bodies.Plain]:
    return stored.read(Specimen, [pk])[pk]


def as_verified(pk: int) -> dict[str, bodies.Plain]:
    """Read it as a verification does, which years later and by other code must see the same."""
    names = bodies.columns(Specimen)
    return bodies.fields(names, Specimen._base_manager.values_list(*names).get(pk=pk))


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(given_values=values)
def test_reading_a_row_twice_gives_the_same_body(table: None, given_values: dict[str, Any]) -> None:
    with transaction.atomic():
        row = Specimen._base_manager.create(**given_values)
        first = as_attested(row.pk)
        # Written back as it was read: a copy from one database into another changes nothing.
        copy = Specimen._base_manager.get(pk=row.pk)
        copy.pk, copy._state.adding = None, True
        copy.save(force_insert=True)
        assert as_verified(row.pk) == as_attested(row.pk) == first
        assert {**as_attested(copy.pk), "id": row.pk} == first
        transaction.set_rollback(True)
    origin = {"user_id": None, "username": "ü", "ip": "", "request_id": ""}
    stored = bodies.body("history", first, at=clock.real(), context=origin)
    assert json.loads(stored)["fields"] == first
    assert all(value is None or isinstance(value, bool | int | str) for value in first.values())


def test_every_kind_of_column_that_is_protected_is_among_the_specimens() -> None:
    used = {type(f) for model in protection.protected_models() for f in model._meta.concrete_fields}
    tried = {type(f) for f in Specimen._meta.concrete_fields}
    assert {kind for kind in used if not issubclass(kind, tuple(tried))} == set()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2**53 - 1, 9007199254740991),
        (2**53, "9007199254740992"),
        (-(2**53), "-9007199254740992"),
        (True, True),
        (datetime(2026, 3, 29, 3, 0, tzinfo=UTC), "2026-03-29T03:00:00.000000Z"),
        (datetime(7, 1, 2, tzinfo=UTC), "0007-01-02T00:00:00.000000Z"),
        (date(2026, 11, 23), "2026-11-23"),
        (time(9, 40), "09:40:00"),
        (timedelta(days=-1, microseconds=5), "-1d0.000005s"),
        (Decimal("1.50"), "1.50"),
        (1.5, "1.5"),
        (b"\x00\xff", "AP8="),
        (memoryview(b"\x00\xff"), "AP8="),
        ({"b": 1, "a": "ü"}, '{"a":"ü","b":1}'),
        ([1, None], "[1,null]"),
    ],
)
def test_values_stand_in_the_body_as_specified(value: Any, expected: bodies.Plain) -> None:
    told = bodies.plain(value)
    assert (told, type(told)) == (expected, type(expected))


def test_a_value_without_a_canonical_form_is_refused() -> None:
    with pytest.raises(TypeError, match="set has no canonical form"):
        bodies.plain({1})
