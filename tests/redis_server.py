"""A private Redis for the tests that need a real one, which they may stop and start again."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from ecportal.supervisor import private_folder, private_redis, redis_binary

START_WAIT = 10.0  # seconds


def binary() -> str:
    """Return the program, or skip the test where there is none."""
    found = redis_binary()
    if found is None:
        pytest.skip("There is no redis-server on this machine, and no wheel brings one.")
    return found


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    """Yield the URL of a Redis that ends with the block; skip the test where there is none."""
    with private_redis(binary()) as (url, _):
        yield url


class Redis:
    """A Redis that comes back empty at the same address each time it is started."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "redis.sock"
        self.url = f"unix://{self.path}"
        self._command = [
            binary(), "--port", "0", "--unixsocket", str(self.path), "--save", "",
            "--appendonly", "no", "--dir", str(folder), "--logfile", "log",
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, start_new_session=True)
        end = time.monotonic() + START_WAIT
        while True:
            try:
                redis.Redis(unix_socket_path=str(self.path)).ping()
                return
            except redis.ConnectionError:
                assert time.monotonic() < end, "Redis did not start."
                time.sleep(0.02)

    def stop(self) -> None:
        """Kill it: what it held is gone, and its clients' connections break off."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def restartable_redis() -> Iterator[Redis]:
    """Yield a Redis that runs; it ends with the block."""
    with private_folder() as folder:
        server = Redis(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
