"""Every page that the resolver knows: accessible in light and dark, silent, never too wide.

The pages are dealt out to several tests, so that several workers share them.
"""

import json
from collections import defaultdict
from datetime import timedelta

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.utils import timezone

from ecportal import clock
from ecportal.accounts.models import User
from ecportal.outbox.models import Message
from reviews.models import Population
from tests.browser.addresses import NO_PAGE, STEPS, addresses, first_readers
from tests.browser.conftest import Visit, Visitor
from tests.letters import write
from tests.pages.world import World, a_population, build
from tests.scenario import Company, Journey, a_change, a_draft

pytestmark = [pytest.mark.once, pytest.mark.slow]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPTIONS = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": RULES}}
WIDTHS = (320, 640)  # the narrowest phone, and a desk of 1280 at 200 % zoom
EXCESS = """direction => {
    const page = document.documentElement;
    page.dir = direction;
    return page.scrollWidth - page.clientWidth;
}"""
SHARES = 4


def violations(visitor: Visitor) -> list[str]:
    """Return what axe finds wrong with the page in the light and in the dark."""
    visitor.page.evaluate(AXE_SCRIPT)
    run = f"axe.run({json.dumps(OPTIONS)}).then(found => found.violations)"
    found = []
    for theme in ("light", "dark"):
        visitor.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        found += [
            f"{theme} {rule['id']}: {' '.join(map(str, node['target']))}"
            for rule in visitor.page.evaluate(run)
            for node in rule["nodes"][:3]
        ]
    return found


def judged(visitor: Visitor, address: str, status: int = 200) -> list[str]:
    """Open the address; return everything that is wrong with what it shows."""
    visitor.page.set_viewport_size({"width": 1280, "height": 860})
    visitor.errors.clear()
    visitor.open(address)
    wrong = violations(visitor)
    for width in WIDTHS:
        visitor.page.set_viewport_size({"width": width, "height": 844})
        for direction in ("rtl", "ltr") if width == WIDTHS[0] else ("ltr",):
            if excess := visitor.page.evaluate(EXCESS, direction):
                wrong.append(f"{excess} px too wide at {width}, {direction}")
    if status == 200:
        wrong += visitor.errors
    return [f"{words} | {address}" for words in wrong]


def told(wrong: list[str]) -> str:
    """Return the same fault of many pages once, with one of them."""
    pages = defaultdict(list)
    for words in wrong:
        fault, _bar, address = words.rpartition(" | ")
        pages[fault].append(address)
    lines = [f"{fault} on {len(at)} pages such as {at[0]}" for fault, at in pages.items()]
    return f"{len(wrong)} wrong:\n" + "\n".join(sorted(lines, key=len))


def look(visit: Visit, people: dict[str, User], pages: list[tuple[str, str]]) -> list[str]:
    """Return what is wrong with these pages, each opened by whose letter stands first."""
    wrong = []
    for letter in sorted({letter for letter, _address in pages}):
        visitor = visit(people[letter])
        for address in (address for one, address in pages if one == letter):
            wrong += judged(visitor, address)
    return wrong


def nobody_had_an_emergency(company: Company) -> Population:
    day = timezone.localdate() - timedelta(days=400)
    return a_population(company, first=day, last=day)


def given_up() -> Message:
    [message] = write("gone")
    now = clock.now()
    Message.objects.filter(pk=message.pk).update(
        given_up_at=now, attempts=1, answer="550 No such user"
    )
    return Message.objects.get(pk=message.pk)


@pytest.fixture
def world(quick_company: Company) -> World:
    return build(quick_company)


@pytest.mark.parametrize("share", range(SHARES))
def test_page_has_no_violation_no_error_and_no_sideways_scroll(
    world: World, quick_company: Company, visit: Visit, share: int
) -> None:
    others = [a_change(quick_company, status) for status in STEPS]
    claimed = Journey(quick_company, a_draft(quick_company, title="Claimed")).submit().claim()
    others += [claimed.change, nobody_had_an_emergency(quick_company), given_up()]
    found = addresses(world, others)
    readers = first_readers(found, world.people, "LEAR-")
    unseen = [
        name for name, several in found.items()
        if name != "login" and not readers.keys() & set(several)
        and not name.endswith(("_add", "_history"))
    ]  # fmt: skip
    assert not unseen, "Pages that nobody sees: add a record, or a name to NO_PAGE."
    assert not NO_PAGE & {name for name in found if readers.keys() & set(found[name])}
    pages = sorted((letter, address) for address, letter in readers.items())[share::SHARES]
    wrong = look(visit, world.people, pages)
    print(f"{len(pages)} of {len(readers)} pages: {len(wrong)} violations, errors and scrolls")
    assert not wrong, told(wrong)


def test_page_for_those_who_are_not_let_in_is_accessible_too(
    quick_company: Company, visit: Visit
) -> None:
    stranger = visit()
    wrong = judged(stranger, "/admin/login/")
    engineer = visit(quick_company.engineer)
    wrong += judged(engineer, "/admin/nowhere/", 404)
    wrong += judged(engineer, "/admin/accounts/user/", 403)
    engineer.open("/admin/")
    with engineer.page.expect_navigation():
        engineer.page.locator('form[action="/admin/logout/"]').first.evaluate("f => f.submit()")
    wrong += violations(engineer)
    assert not wrong, "\n".join(wrong)
