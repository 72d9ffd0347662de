"""`manage.py serve`: the demo in one terminal: data, web server, worker, beat and sealer."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ecportal.environment import DEMO, Environment
from ecportal.supervisor import (
    LOOPBACK,
    CannotStart,
    Crew,
    check_port,
    check_writable,
    private_redis,
    redis_binary,
    sole_use,
)

LOGINS = {
    "engineer": "requests emergency changes and carries them out",
    "engineer2": "a second engineer, who can verify what the first one did",
    "lead": "Engineering Lead: approves, and holds retrospective reviews",
    "lead2": "a second Engineering Lead, asked when the first does not answer",
    "auditor": "reads everything; changes nothing",
    "roleadmin": "gives and withdraws roles; decides on no change",
}
ANSWER_WAIT = 60.0  # seconds


class Command(BaseCommand):
    help = "Prepares the demo's data and runs web server, worker, beat and sealer until Ctrl-C."
    # Every child runs the checks; the database they look at is not even migrated yet.
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.ENVIRONMENT != DEMO:
            raise CommandError("serve is for the demo: start it with `make run`.")
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda signum, frame: sys.exit(128 + signum))
        try:
            sys.exit(serve(os.environ.get("PORT", "").strip() or "8000"))
        except CannotStart as error:
            sys.exit(f"ecportal cannot start: {error}")
        except KeyboardInterrupt:
            sys.exit(130)


def serve(port_text: str) -> str | None:
    """Run until everything has stopped; return what went wrong, if anything did."""
    port, var = port_number(port_text), settings.VAR_DIR
    url = f"http://{LOOPBACK}:{port}/"
    check_writable(var)
    with sole_use(var, url):
        check_port(port)
        (var / "demo").touch()
        password = demo_password(var)
        environment = {
            **os.environ,
            "ECPORTAL_ENV": DEMO,
            "PORTAL_URL": url.rstrip("/"),
            "PYTHONUNBUFFERED": "1",
            # Celery's, in a container where nobody but root exists.
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
        }
        with broker(environment) as server:
            prepare({**environment, "DEMO_PASSWORD": password})
            crew = Crew(server)
            for name, arguments in commands(port, var).items():
                crew.add(name, [sys.executable, "-m", *arguments], environment, settings.BASE_DIR)
            threading.Thread(target=announce, args=(url, password), daemon=True).start()
            crew.loop()
    if crew.first_to_end:
        return f"{crew.first_to_end} ended by itself, so everything was stopped; its lines say why."
    with contextlib.suppress(OSError):  # the terminal may be gone
        print("Everything has stopped.", flush=True)
    return None


def port_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise CannotStart(f"PORT is {text!r}, which is no number from 1 to 65535.")
    return int(text)


def demo_password(var: Path) -> str:
    """Return the password of every demo account: the one that is set, else one kept in `var`."""
    return os.environ.get("DEMO_PASSWORD") or Environment({}, var).kept("demo-password", 9)


@contextlib.contextmanager
def broker(environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes] | None"]:
    """Name a broker in `environment`, and yield its process where it is a private one."""
    if environment.get("REDIS_URL"):
        yield None
    elif binary := redis_binary():
        with private_redis(binary) as (environment["REDIS_URL"], server):
            yield server
    else:
        print("There is no redis-server: the worker takes its tasks from files.", flush=True)
        for folder in ("messages", "control"):
            (settings.BROKER_DIR / folder).mkdir(parents=True, exist_ok=True)
        yield None


def prepare(environment: dict[str, str]) -> None:
    """Bring database, static files and demo to the state this version of the code expects."""
    for step, arguments in {
        "Migrating the database": ["migrate", "--no-input"],
        "Collecting static files": ["collectstatic", "--no-input"],
        "Making the key of the audit trail": ["audit_keygen", "--once"],
        "Loading the demo": ["load_demo", "--once"],
        "Sealing the audit trail": ["audit_seal"],
        "Verifying the audit trail": ["audit_verify", "--note"],
    }.items():
        print(f"{step} ...", flush=True)
        # A process of its own, because the settings here were read before the broker had an
        # address; and a session of its own, so that Ctrl-C is told once, by this process.
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments, "--verbosity=0"],
            cwd=settings.BASE_DIR,
            env=environment,
            start_new_session=True,
            check=False,
        )
        if done.returncode:
            raise CannotStart(f"`manage.py {arguments[0]}` failed; its lines above say why.")


def commands(port: int, var: Path) -> dict[str, list[str]]:
    celery = ["celery", "--app=ecportal.celery", "--quiet"]
    quiet = "--loglevel=WARNING"
    (var / "beat").mkdir(exist_ok=True)
    return {
        "web": [
            *("gunicorn", "ecportal.wsgi", f"--bind={LOOPBACK}:{port}", "--worker-class=gthread"),
            *("--workers=2", "--threads=4", "--graceful-timeout=4", "--log-level=warning"),
            "--no-control-socket",
        ],
        "worker": [*celery, "worker", quiet, "--concurrency=2", "--without-mingle"],
        "sealer": ["manage", "audit_seal", "--loop=1", "--verbosity=0"],
        # No pidfile: one that a crash left behind would keep beat from starting.
        "beat": [*celery, "beat", quiet, f"--schedule={var / 'beat' / 'schedule'}", "--pidfile="],
    }


def announce(url: str, password: str) -> None:
    """Say where to go once the sign-in page really answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + ANSWER_WAIT
    while time.monotonic() < deadline:
        time.sleep(0.2)
        with contextlib.suppress(urllib.error.URLError, OSError), opener.open(url, timeout=10):
            width = max(map(len, LOGINS))
            table = "\n".join(f"    {name:<{width}}  {use}" for name, use in LOGINS.items())
            text = f"""
  The portal runs at {url}

{table}

  The password of all six is {password}
  Mail lands in {settings.MAIL_DIR} and on the admin page "Messages".
  Ctrl-C stops everything; the data stays.
"""
            print(text, flush=True)
            return
    print(f"Nothing answers at {url} yet; the lines above may say why.", flush=True)
