"""How the messages that the portal wrote are shown, and how a dead letter is retried."""

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from ecportal.accounts.permissions import may
from ecportal.admin import LifecycleAdmin
from ecportal.lists import Tab, Tabs
from ecportal.outbox.lifecycle import MESSAGES
from ecportal.outbox.models import Message
from ecportal.panels import HOME, Context, panel
from ecportal.site import signed_in

ATTEMPTS_SHOWN = 100
"""Of a message whose server was away for days, the last ones."""


class ResultTabs(Tabs):
    """What became of each message."""

    title, parameter_name = "result", "result"

    def tabs_of(self, model: Any) -> list[Tab]:
        words = {**dict(Message.Status.choices), Message.Status.GIVEN_UP: "Dead letters"}
        return [_with_result(str(value), str(label)) for value, label in words.items()]


def _with_result(value: str, words: str) -> Tab:
    return Tab(value, words, lambda _request, found: found.with_status(value))  # type: ignore[attr-defined]


@admin.register(Message)
class MessageAdmin(LifecycleAdmin):
    lifecycle = MESSAGES
    list_display = ("subject", "address", "status_pill", "attempts", "channel", "written_at")
    list_filter = (ResultTabs, "channel")
    search_help_text = "Subject, address or number"
    search_fields = ("subject", "address", "thread")
    date_hierarchy = "written_at"
    empty_list = "No message was written yet."
    record_template = "admin/outbox/message/record.html"
    sections = (
        (
            "The message",
            ("address", "channel", "written_at", "outcome", "sent_at", "recalled_at",
             "given_up_at", "next_attempt_at", "after", "thread", "message_id"),
        ),
        ("What it says", ("said",)),
    )  # fmt: skip

    @admin.display(description="Result")
    def outcome(self, message: Message) -> str:
        return message.outcome

    @admin.display(description="Text")
    def said(self, message: Message) -> str:
        return message.said

    def ways(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        latest = list(record.deliveries.order_by("-pk")[: ATTEMPTS_SHOWN + 1])
        shown = latest[:ATTEMPTS_SHOWN][::-1]
        more = len(latest) > ATTEMPTS_SHOWN
        return {**super().ways(request, record), "deliveries": shown, "there_are_more": more}

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        raise Http404("A message has no versions.")


@panel(HOME, "portal/dead_letters.html")
def dead_letters(request: HttpRequest, _home: None) -> Context | None:
    """Tell those who can send them again that there are messages which reached nobody."""
    if not may(signed_in(request), "retry", Message):
        return None
    number = Message.objects.with_status(Message.Status.GIVEN_UP).count()
    address = reverse("admin:outbox_message_changelist")
    return {"number": number, "url": f"{address}?result=given_up"} if number else None
