"""The pages of mail on a phone: they fit, and a dead letter is sent again with a thumb."""

import pytest

from ecportal.outbox.channels import Answer
from ecportal.outbox.models import DeliveryAttempt, Message
from ecportal.outbox.publishing import publish
from ecportal.outbox.relay import settle, take
from tests.browser.conftest import PHONE, Visit
from tests.browser.test_layout import WIDTHS, too_wide
from tests.scenario import Company

pytestmark = [pytest.mark.once, pytest.mark.slow]
LONG = "x" * 90


def a_dead_letter() -> Message:
    publish(f"{LONG[:60]}@example.test", f"Approve EC-2026-0001 {LONG}: 15 min left", LONG, "")
    message = take()
    assert message is not None
    settle(message, Answer(DeliveryAttempt.Result.REFUSED, f"5.1.1 <{LONG}> No such user", 550))
    return message


def test_mail_fits_every_width_and_a_dead_letter_is_sent_again_on_a_phone(
    quick_company: Company, visit: Visit
) -> None:
    message = a_dead_letter()
    lead = visit(quick_company.lead, viewport=PHONE)
    page = f"/admin/outbox/message/{message.pk}/change/"
    for address in ("/admin/", "/admin/outbox/message/?result=given_up", page):
        lead.open(address)
        for width in WIDTHS:
            lead.page.set_viewport_size({"width": width, "height": 844})
            assert too_wide(lead) == 0, (address, width)
    lead.page.set_viewport_size(PHONE)
    lead.press("Send it again")
    lead.fill(reason="The mailbox was made.")
    lead.press("Send it again")
    message.refresh_from_db()
    assert message.status == "waiting"
    assert lead.errors == []
