"""Four ways to work a page: by mouse, by keyboard alone, by thumb, and without scripts.

A task is written once, against `Hand`; each way counts what it took.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from tests.browser.conftest import DESK, PHONE, Visit, Visitor

WAYS: Final[dict[str, dict[str, Any]]] = {
    "mouse": {"viewport": DESK},
    "keyboard": {"viewport": DESK},
    "phone": {"viewport": PHONE, "has_touch": True, "is_mobile": True},
    "no scripts": {"viewport": DESK, "java_script_enabled": False},
}
FAR: Final = 150  # so many presses of Tab and whatever is looked for cannot be reached
REQUIRED = "at => at.required || at.getAttribute('aria-required') === 'true'"


@dataclass
class Hand:
    """One person at a browser; `clicks`, `required` and `typed` are counted as they work."""

    visitor: Visitor
    way: str
    clicks: int = 0
    required: set[str] = field(default_factory=set)
    typed: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, visit: Visit, user: Any, way: str) -> "Hand":
        return cls(visit(user, **WAYS[way]), way)

    @property
    def page(self) -> Any:
        return self.visitor.page

    def open(self, address: str) -> "Hand":
        """Follow a link in a mail or chat message: not counted."""
        self.visitor.open(address)
        return self

    # --- what is counted ---
    def press(self, name: str, exact: bool = True) -> "Hand":
        """Click the button or link of that name in the content, and wait for the next page."""
        content = self.page.locator("#content")
        button = content.get_by_role("button", name=name, exact=exact)
        target = button.or_(content.get_by_role("link", name=name, exact=exact)).first
        with self.page.expect_navigation():
            self._activate(target)
        self.clicks += 1
        return self

    def unfold(self, words: str) -> "Hand":
        """Open a part of the page that is folded."""
        self._activate(self.page.locator("#content summary", has_text=words).first, key="Enter")
        self.clicks += 1
        return self

    def write(self, **answers: str) -> "Hand":
        for name, value in answers.items():
            at = self.page.locator(f"#content [name={name}]:not([type=hidden])").first
            self._note(name, at, typed=True)
            if self.way == "keyboard":
                self._reach(at)
                self.page.keyboard.press("Control+a")
                self.page.keyboard.type(value)
            else:
                at.fill(value)
        return self

    def pick(self, **answers: str) -> "Hand":
        """Choose a radio button or an option, tick a box: which is no typing."""
        for name, value in answers.items():
            self._pick(name, value)
        return self

    def tick(self, name: str) -> "Hand":
        at = self.page.locator(f"#content input[name={name}][type=checkbox]")
        self._note(name, at, typed=False)
        if self.way == "keyboard":
            self._reach(at)
            self.page.keyboard.press("Space")
        else:
            at.check(force=True)
        return self

    def give(self, name: str, file: dict[str, Any]) -> "Hand":
        """Choose a file; the dialog for that is the browser's own in every way."""
        at = self.page.locator(f"#content [name={name}]")
        self._note(name, at, typed=False)
        at.set_input_files(file)
        return self

    # --- how it is done ---
    def _pick(self, name: str, value: str) -> None:
        select = self.page.locator(f"#content select[name={name}]")
        if select.count():
            self._note(name, select.first, typed=False)
            if self.way == "keyboard":
                self._reach(select.first)
            select.first.select_option(value)
            return
        at = self.page.locator(f'#content input[name={name}][value="{value}"]').first
        self._note(name, at, typed=False)
        if self.way != "keyboard":
            at.check(force=True)
            return
        self._reach(self.page.locator(f"#content input[name={name}]"), any_of=True)
        for _ in range(20):
            if at.evaluate("at => at === document.activeElement"):
                break
            self.page.keyboard.press("ArrowDown")
        if not at.is_checked():
            self.page.keyboard.press("Space")
        assert at.is_checked(), f"{name}={value} cannot be chosen by keyboard"

    def _note(self, name: str, at: Any, *, typed: bool) -> None:
        if at.evaluate(REQUIRED):
            self.required.add(name)
            if typed:
                self.typed.add(name)

    def _activate(self, target: Any, key: str = "Enter") -> None:
        if self.way == "keyboard":
            self._reach(target)
            self.page.keyboard.press(key)
        elif self.way == "phone":
            target.tap()
        else:
            target.click()

    def _reach(self, target: Any, *, any_of: bool = False) -> None:
        """Press Tab until the target has the focus; it must be visible there."""
        if not any_of:
            assert target.is_visible()
        focused = "(all) => all.includes(document.activeElement)"
        for _ in range(FAR):
            if target.evaluate_all(focused):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{target} cannot be reached by keyboard")
