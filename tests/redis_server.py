"""A private Redis for the tests that need a real one."""

import contextlib
from collections.abc import Iterator

import pytest

from ecportal.supervisor import private_redis, redis_binary


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    """Yield the URL of a Redis that ends with the block; skip the test where there is none."""
    binary = redis_binary()
    if binary is None:
        pytest.skip("There is no redis-server on this machine, and no wheel brings one.")
    with private_redis(binary) as (url, _):
        yield url
