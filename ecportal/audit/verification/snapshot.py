"""One consistent view of the whole database, for reading only; writers are never kept waiting."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def snapshot() -> Iterator[None]:
    """Let all reads inside see the database as of one moment; writing inside is refused.

    Inside a transaction of the caller it is that transaction's view.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        with _sqlite_reading():
            yield
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield


@contextmanager
def _sqlite_reading() -> Iterator[None]:
    connection.ensure_connection()
    usual = connection.transaction_mode  # type: ignore[attr-defined]
    _pragma("ON")
    # The usual IMMEDIATE would stop every writer for as long as the reading takes.
    connection.transaction_mode = "DEFERRED"  # type: ignore[attr-defined]
    try:
        with transaction.atomic():
            yield
    finally:
        connection.transaction_mode = usual  # type: ignore[attr-defined]
        _pragma("OFF")


def _pragma(state: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA query_only = {state}")
