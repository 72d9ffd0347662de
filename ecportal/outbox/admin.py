"""How the mail that the portal wrote is shown, sent or not."""

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse

from ecportal.admin import ReadOnlyAdmin
from ecportal.outbox.models import Message


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    list_display = ("subject", "address", "written_at", "outcome")
    list_filter = (("sent_at", admin.EmptyFieldListFilter),)
    search_fields = ("subject", "address")
    date_hierarchy = "written_at"
    empty_list = "No mail was written yet."
    record_template = "admin/outbox/message/record.html"
    sections = (
        ("The message", ("address", "written_at", "outcome", "attempts", "sent_at", "message_id")),
        ("Its text", ("text",)),
    )

    @admin.display(description="Result")
    def outcome(self, message: Message) -> str:
        return message.outcome

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        raise Http404("A message has no versions.")
