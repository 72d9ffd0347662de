"""A real browser on a running portal, watched for errors; tests are skipped where there is none."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from changes.lifecycle import POLICIES
from changes.models import Policy
from ecportal.accounts.models import User
from tests.scenario import Company

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed.")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 860}


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("No chromium is installed (Debian: apt-get install chromium).")
    with pytest.MonkeyPatch.context() as patch, sync_api.sync_playwright() as playwright:
        # Playwright's event loop runs in this thread; the tests' own queries are still plain ones.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@dataclass
class Visitor:
    """Somebody at a browser of their own."""

    page: Any
    base: str
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(10_000)
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("response", self._judge)

    def _note(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(f"{self.page.url}: {message.text}")

    def _judge(self, response: Any) -> None:
        if response.status >= 400:
            self.errors.append(f"{response.status} {response.url}")

    def open(self, address: str) -> Any:
        self.page.goto(self.base + address)
        return self.page

    def come_in(self, user: User) -> None:
        """Begin with a session: the page of signing in is tried where it is the matter."""
        client = Client()
        client.force_login(user)
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session, "url": self.base}
        self.page.context.add_cookies([cookie])

    def press(self, name: str) -> None:
        """Click the button or the link of that name in the content, and wait for the next page."""
        content = self.page.locator("#content")
        target = content.get_by_role("button", name=name, exact=True).or_(
            content.get_by_role("link", name=name, exact=True)
        )
        with self.page.expect_navigation():
            target.first.click()

    def fill(self, **answers: str) -> None:
        for name, value in answers.items():
            self.page.fill(f"#id_{name}", value)

    def choose(self, **answers: str) -> None:
        for name, value in answers.items():
            self.page.check(f'input[name="{name}"][value="{value}"]')

    def text(self) -> str:
        return str(self.page.inner_text("body"))


Visit = Callable[..., Visitor]


@pytest.fixture
def visit(chromium: Any, live_server: Any) -> Iterator[Visit]:
    """Return a function that opens a browser, signed in as a person if one is named."""
    contexts = []

    def start(user: User | None = None, **options: Any) -> Visitor:
        options.setdefault("viewport", DESK)
        context = chromium.new_context(**options)
        contexts.append(context)
        visitor = Visitor(context.new_page(), live_server.url)
        if user is not None:
            visitor.come_in(user)
        return visitor

    yield start
    for context in contexts:
        context.close()


@pytest.fixture
def quick_company(live_server: Any, company: Company) -> Company:
    """A company whose observation window is over at once."""
    policy, _new = Policy.objects.get_or_create(pk=1)
    numbers = {"observation_minutes": 0}
    POLICIES.perform(policy, "revise", by=company.lead, reason="Tests do not wait.", **numbers)
    return company
