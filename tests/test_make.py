"""What `make run` stands on: checks before the start, one start at a time, nothing left behind."""

import contextlib
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from ecportal.management.commands.serve import demo_password, port_number
from ecportal.supervisor import (
    LOOPBACK,
    CannotStart,
    check_port,
    check_writable,
    private_redis,
    redis_binary,
    sole_use,
)
from tests.redis_server import redis_server

pytestmark = pytest.mark.once

SERVE = [sys.executable, "manage.py", "serve"]
ROOT = Path(__file__).resolve().parent.parent
CREW = """
import os, sys
from pathlib import Path
from ecportal.supervisor import Crew
crew = Crew(None)
for name, code in {"steady": "import time; time.sleep(60)", "brief": "print('bye')"}.items():
    crew.add(name, [sys.executable, "-c", code], os.environ, Path.cwd())
crew.loop()
sys.exit(f"first: {crew.first_to_end}")
"""


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen()
        yield server.getsockname()[1]


def processes_of(var: Path) -> list[str]:
    """Return the command lines of all processes, orphans too, that were started for this folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"ECPORTAL_VAR={var}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


@pytest.mark.parametrize("text", ["", "0", "65536", "-1", "eighty", "8000.0", "²"])
def test_port_outside_its_range_is_told_in_one_sentence(text: str) -> None:
    with pytest.raises(CannotStart, match="no number from 1 to 65535"):
        port_number(text)


def test_port_in_use_is_told_in_one_sentence(taken_port: int) -> None:
    with pytest.raises(CannotStart, match=f"^Port {taken_port} is in use; choose a free one"):
        check_port(taken_port)


def test_port_that_was_just_given_up_is_free() -> None:
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        port = server.getsockname()[1]
    check_port(port)


def test_missing_folder_is_made(tmp_path: Path) -> None:
    check_writable(tmp_path / "var")
    assert list((tmp_path / "var").iterdir()) == []


def test_folder_that_cannot_be_written_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()  # unlike a permission, a file in the way stops root as well
    with pytest.raises(CannotStart, match=r"var cannot be written: Not a directory\.$"):
        check_writable(tmp_path / "file" / "var")


def test_second_start_on_the_same_data_is_refused(tmp_path: Path) -> None:
    holder = f"process {os.getpid()}, http://one"
    first, second = sole_use(tmp_path, "http://one"), sole_use(tmp_path, "http://two")
    with first, pytest.raises(CannotStart, match=holder), second:
        pytest.fail("two at a time")
    with sole_use(tmp_path, "http://three"):
        assert "http://three" in (tmp_path / "serve.lock").read_text()


def test_password_is_made_once_and_kept_to_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEMO_PASSWORD", raising=False)
    password = demo_password(tmp_path)
    assert len(password) >= 12
    assert demo_password(tmp_path) == password
    assert stat.S_IMODE((tmp_path / "demo-password").stat().st_mode) == 0o600


def test_password_that_is_set_wins_and_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEMO_PASSWORD", "chosen by hand")
    assert demo_password(tmp_path) == "chosen by hand"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("exit_code", "chosen"), [(0, True), (1, False)])
def test_machine_redis_goes_before_the_wheel_if_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exit_code: int, chosen: bool
) -> None:
    program = tmp_path / "redis-server"
    program.write_text(f"#!/bin/sh\nexit {exit_code}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert (redis_binary() == str(program)) is chosen


def test_private_redis_answers_on_its_socket_alone_and_leaves_nothing() -> None:
    with redis_server() as url, redis.Redis.from_url(url) as client:
        assert client.config_get("port") | client.config_get("save") == {"port": "0", "save": ""}
        socket_path = Path(url.removeprefix("unix://"))
        assert stat.S_IMODE(socket_path.parent.stat().st_mode) == 0o700
    assert not socket_path.parent.exists()


def test_redis_that_fails_is_told_in_one_sentence() -> None:
    with pytest.raises(CannotStart, match="did not start"), private_redis("/bin/false"):
        pytest.fail("there is no server")


def test_process_that_ends_ends_the_others_and_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CREW], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert "first: brief" in done.stderr
    assert re.search(r"brief +\| bye", done.stdout)


@contextlib.contextmanager
def portal(log: Path, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
    # Should the tests be killed, this terminal closes, and the portal stops with it.
    terminal, stdin = os.openpty()
    with log.open("w") as output:
        streams = {"stdin": stdin, "stdout": output, "stderr": output}
        process = subprocess.Popen(
            SERVE, cwd=ROOT, env=environment, start_new_session=True, **streams
        )
    os.close(stdin)
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGINT)  # as the terminal does at Ctrl-C
        process.wait(timeout=30)
        os.close(terminal)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="It looks into /proc.")
def test_start_answers_refuses_a_second_one_and_leaves_nothing(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        url = f"http://{LOOPBACK}:{probe.getsockname()[1]}/"
    log, var = tmp_path / "log", tmp_path / "var"
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment |= {"ECPORTAL_ENV": "demo", "ECPORTAL_VAR": str(var), "DEMO_PASSWORD": "our own"}
    with portal(log, **environment, PORT=url.rstrip("/").split(":")[-1]) as process:
        wait_for(f"The portal runs at {url}", log, process)
        assert "The password of all six is our own" in log.read_text()
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert (answer.status, answer.url.split("?")[0]) == (200, f"{url}admin/login/")
        second = subprocess.run(SERVE, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert (second.returncode, second.stderr.count("\n")) == (1, 1)
        assert f"already runs on the data in {var} (process {process.pid}" in second.stderr
    assert process.returncode == 0, log.read_text()
    assert processes_of(var) == []


def wait_for(text: str, log: Path, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while text not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
