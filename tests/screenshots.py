"""`python -m tests.screenshots` takes the README's pictures of the demo; nothing stays running."""

import contextlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / ".readme"
PASSWORD = secrets.token_urlsafe(20)
START_WAIT = 30.0  # seconds
QUIET = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def portal() -> Iterator[str]:
    """Yield the address of a portal with a fresh demo in it; it ends with the block."""
    with tempfile.TemporaryDirectory(prefix="ecportal-pictures-") as folder:
        address = f"127.0.0.1:{free_port()}"
        environment = {
            "PATH": os.environ.get("PATH", os.defpath), "HOME": folder, "LANG": "C.UTF-8",
            "ECPORTAL_ENV": "demo", "ECPORTAL_VAR": folder, "DEMO_PASSWORD": PASSWORD,
            "PORTAL_URL": f"http://{address}",
        }  # fmt: skip

        def manage(*words: str) -> None:
            command = [sys.executable, "manage.py", *words]
            subprocess.run(command, cwd=ROOT, env=environment, check=True)

        manage("migrate", "--verbosity=0")
        manage("audit_keygen", "--once", "--verbosity=0")
        manage("load_demo", "--once", "--verbosity=0")
        manage("audit_seal", "--verbosity=0")
        manage("audit_verify", "--note", "--verbosity=0")
        manage("collectstatic", "--noinput", "--verbosity=0")
        command = [sys.executable, "-m", "gunicorn", "--bind", address, "ecportal.wsgi"]
        command += ["--log-level=warning", "--worker-tmp-dir", folder]
        server = subprocess.Popen(command, cwd=ROOT, env=environment)
        try:
            _await_answer(f"http://{address}/admin/login/", server)
            yield f"http://{address}"
        finally:
            server.terminate()
            server.wait()


def _await_answer(url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_WAIT
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(url, timeout=5).close()
            return
        time.sleep(0.2)
    sys.exit("The portal did not start.")


class Photographer:
    """Signs in as one person of the demo and takes pictures of what that person sees."""

    def __init__(
        self,
        browser: Any,
        base: str,
        username: str,
        viewport: dict[str, int],
        scheme: str = "light",
    ) -> None:
        context = browser.new_context(
            viewport=viewport, device_scale_factor=1, color_scheme=scheme, locale="en-GB"
        )
        self.page = context.new_page()
        self.base = base
        self.page.goto(f"{base}/admin/login/?next=/admin/")
        self.page.fill("#id_username", username)
        self.page.fill("#id_password", PASSWORD)
        self.page.click("[type=submit]")
        self.page.wait_for_url("**/admin/")

    def open(self, address: str) -> "Photographer":
        answer = self.page.goto(self.base + address)
        if answer.status != 200:
            sys.exit(f"{address} was answered with {answer.status}.")
        return self

    def first(self, pattern: str) -> str:
        """Return the first link on the page that matches."""
        links = self.page.eval_on_selector_all("a[href]", "all => all.map(a => a.pathname)")
        found = next((link for link in links if re.fullmatch(pattern, link)), None)
        if found is None:
            sys.exit(f"{self.page.url} has no link like {pattern}.")
        return str(found)

    def take(self, name: str) -> None:
        self.page.mouse.move(0, 0)
        self.page.screenshot(path=PICTURES / name, animations="disabled", caret="hide")
        print(f"{name}: {(PICTURES / name).stat().st_size // 1024} KiB")


def take_all(browser: Any, base: str) -> None:
    changes = "/admin/changes/emergencychange/"
    record = changes + r"\d+/change/"
    lead = Photographer(browser, base, "lead", DESK)
    lead.take("home.png")
    Photographer(browser, base, "lead", DESK, "dark").take("home-dark.png")
    lead.open(f"{changes}?status__exact=documented")
    lead.open(lead.first(record)).take("change.png")
    engineer = Photographer(browser, base, "engineer", DESK)
    engineer.open(f"{changes}declare/")
    engineer.open(engineer.first(changes + r"declare/\d+/")).take("declare.png")
    lead2 = Photographer(browser, base, "lead2", PHONE)
    lead2.open(f"{changes}?status__exact=submitted")
    lead2.open(lead2.first(record).replace("/change/", "/decide/")).take("decide-phone.png")
    auditor = Photographer(browser, base, "auditor", DESK)
    auditor.open("/admin/reviews/population/add/")
    today = date.today()
    auditor.page.fill("#id_first_day", f"{today - timedelta(days=90)}")
    auditor.page.fill("#id_last_day", f"{today}")
    with auditor.page.expect_navigation():
        auditor.page.locator("#content form[method=post] [type=submit]").first.click()
    auditor.take("population.png")
    auditor.open(f"{changes}?status__exact=closed")
    auditor.open(auditor.first(record).replace("/change/", "/history/")).take("history.png")


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("No chromium is installed (Debian: apt-get install chromium).")
    PICTURES.mkdir(exist_ok=True)
    with portal() as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        try:
            take_all(browser, base)
        finally:
            browser.close()


if __name__ == "__main__":
    main()
