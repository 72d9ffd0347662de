"""The pages of the integrations: on or off, how each fares, and a test that says the answer."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ecportal import clock
from ecportal.audit.models import AuditEvent
from ecportal.integrations.models import Delivery, System
from ecportal.integrations.remote import remember
from ecportal.outbox.channels import Answer
from ecportal.outbox.models import DeliveryAttempt, Message
from ecportal.outbox.publishing import tell
from ecportal.outbox.relay import settle, take
from tests.integrations.channels import told
from tests.integrations.channels.told import SECRET
from tests.pages.conftest import SignIn
from tests.pages.walk import sentences
from tests.scenario import Company

pytestmark = pytest.mark.once

Result = DeliveryAttempt.Result
ALL = "/admin/integrations/"
JIRA = {"JIRA_URL": "https://jira.example.test", "JIRA_TOKEN": "hunter2", "JIRA_PROJECT": "OPS"}


def configure(settings: Any, **values: Any) -> None:
    for name, value in {**JIRA, **values}.items():
        setattr(settings, name, value)


def a_message(answer: Answer) -> Message:
    said = tell(Message.Channel.JIRA, "OPS", {"act": "comment", "text": "x"}, subject="Comment")
    taken = take("jira", after=said.pk - 1)
    assert taken is not None
    settle(taken, answer)
    return said


def test_all_integrations_stand_on_one_page_and_are_off_at_first(
    company: Company, signed_in: SignIn
) -> None:
    text = sentences(signed_in(company.lead).get(ALL))
    for system in System:
        assert system.label in text
    assert "Off" in text
    assert "Works" not in text
    assert "In trouble" not in text


def test_page_of_slack_names_its_hooks_and_who_is_who(
    company: Company, signed_in: SignIn, settings: Any
) -> None:
    settings.SLACK_CHANNELS = {1: "C0SECURITY"}
    remember(System.SLACK, "person", "T1/U1", thread=str(company.engineer.pk))
    text = " ".join(sentences(signed_in(company.roleadmin).get(f"{ALL}slack/")).split())
    for words in ("/hooks/slack/interactive/", "/hooks/slack/events/", "/hooks/slack/commands/",
                  "T1/U1 Engineer (engineer)", "SEV-1 C0SECURITY"):  # fmt: skip
        assert words in text, text


def test_page_says_what_went_through_what_did_not_and_what_waits(
    company: Company, signed_in: SignIn, settings: Any
) -> None:
    configure(settings)
    client = signed_in(company.lead)
    assert "Not used yet" in sentences(client.get(f"{ALL}jira/"))
    a_message(Answer(Result.SENT, "Commented."))
    assert "Works" in sentences(client.get(f"{ALL}jira/"))
    a_message(Answer(Result.REFUSED, "No such project.", 404))
    tell(Message.Channel.JIRA, "OPS", {"act": "comment", "text": "x"}, subject="Comment")
    text = sentences(client.get(f"{ALL}jira/"))
    assert "In trouble" in text
    assert "Refused for good: 404 No such project." in text
    assert "Waiting 1" in " ".join(text.split())
    assert "Dead letters 1" in " ".join(text.split())
    overview = client.get(ALL).content.decode()
    assert "?result=given_up&amp;channel__exact=jira" in overview
    dead = client.get("/admin/outbox/message/?result=given_up&channel__exact=jira")
    assert "Comment" in sentences(dead)


def test_page_says_what_was_heard_and_what_failed(
    company: Company, signed_in: SignIn, settings: Any
) -> None:
    settings.JIRA_WEBHOOK_SECRETS = ("one",)
    for number, outcome in enumerate(("done", "unreadable", "waiting")):
        Delivery._base_manager.bulk_create([Delivery(
            system="jira", delivery_id=str(number), event="jira:issue_created", outcome=outcome,
            answer="It is not JSON.", received_at=clock.now(), body=b"{}",
        )])  # fmt: skip
    text = " ".join(sentences(signed_in(company.lead).get(f"{ALL}jira/")).split())
    assert "jira:issue_created: It is not JSON." in text
    assert "Waiting 1" in text
    assert "/hooks/jira/" in text


def test_variables_are_named_and_their_values_are_not(
    company: Company, signed_in: SignIn, settings: Any
) -> None:
    configure(settings)
    content = signed_in(company.lead).get(f"{ALL}jira/").content.decode()
    for name in JIRA:
        assert name in content
    assert "hunter2" not in content
    assert "jira.example.test" not in content


def test_mappings_are_shown(company: Company, signed_in: SignIn, settings: Any) -> None:
    configure(settings, JIRA_STATUSES={"approved": "In Progress"},
              JIRA_FIELDS={"customfield_1": ("option", "risk")})  # fmt: skip
    text = sentences(signed_in(company.lead).get(f"{ALL}jira/"))
    for words in ("In Progress", "customfield_1 (option)", "Emergency Change"):
        assert words in text
    assert "SEV-1" in sentences(signed_in(company.lead2).get(f"{ALL}pagerduty/"))
    assert "rolled back" in sentences(signed_in(company.roleadmin).get(f"{ALL}cdevents/"))


@pytest.mark.parametrize("who", ["lead", "roleadmin"])
def test_button_tries_jira_out_says_the_answer_and_leaves_it_in_the_trail(
    company: Company, signed_in: SignIn, who: str
) -> None:
    client = signed_in(getattr(company, who))
    with told.jira():
        shown = sentences(client.post(f"{ALL}jira/", follow=True))
    assert "Jira answers. Signed in as Portal; issues in OPS get the type 10001." in shown
    [event] = AuditEvent.objects.filter(kind="integration_test")
    assert "Signed in as Portal" in str(event.body)
    assert f'"username":"{who}"' in str(event.body)
    text = sentences(signed_in(company.lead2).get("/admin/audit/auditevent/"))
    assert "Tried out jira: works." in text


def test_button_says_what_is_wrong(company: Company, signed_in: SignIn) -> None:
    client = signed_in(company.lead)
    with told.jira(JIRA_ISSUE_TYPE="Change"):
        text = sentences(client.post(f"{ALL}jira/", follow=True))
    assert "Jira did not answer as it should. Refused for good: OPS has no issue type" in text
    with told.receiver() as receiver:
        receiver.faults = ["503"]
        text = sentences(client.post(f"{ALL}webhook/", follow=True))
        assert "Webhooks did not answer as it should." in text
        text = sentences(client.post(f"{ALL}webhook/", follow=True))
        assert "Webhooks answers. 1 endpoint took a test event." in text
    assert AuditEvent.objects.filter(kind="integration_test").count() == 3


def test_pagerduty_is_tried_out_by_the_person_in_whose_name_notes_are(
    company: Company, signed_in: SignIn, tmp_path: Any, settings: Any
) -> None:
    client = signed_in(company.lead)
    with told.pagerduty(tmp_path):
        text = sentences(client.post(f"{ALL}pagerduty/", follow=True))
        assert "PagerDuty answers. PagerDuty knows portal@example.test." in text
        settings.PAGERDUTY_FROM = "nobody@example.test"
        text = sentences(client.post(f"{ALL}pagerduty/", follow=True))
        assert "has no user with the address nobody@example.test" in text


def test_who_may_not_test_or_what_cannot_be_is_not_tried(
    company: Company, signed_in: SignIn, settings: Any
) -> None:
    auditor = signed_in(company.auditor)
    with told.jira() as server:
        assert auditor.post(f"{ALL}jira/").status_code == 403
        assert "A Lead or a Role Administrator can do this." in sentences(
            auditor.get(f"{ALL}jira/")
        )
        assert server.asked == []
    lead = signed_in(company.lead)
    assert "Set JIRA_URL and JIRA_TOKEN and JIRA_PROJECT first" in sentences(
        lead.post(f"{ALL}jira/", follow=True)
    )
    assert lead.post(f"{ALL}github/").status_code == 403
    assert lead.post(ALL).status_code == 403
    assert not AuditEvent.objects.filter(kind="integration_test").exists()


def test_pages_take_as_many_queries_however_much_was_said(
    company: Company, signed_in: SignIn, settings: Any
) -> None:
    configure(settings, WEBHOOK_ENDPOINTS={"https://a.example.test": SECRET})
    client = signed_in(company.lead)
    numbers = []
    for _ in range(2):
        for address in (ALL, f"{ALL}jira/"):
            with CaptureQueriesContext(connection) as caught:
                assert client.get(address).status_code == 200
            numbers.append(len(caught))
        for _ in range(5):
            a_message(Answer(Result.REFUSED, "No.", 404))
            a_message(Answer(Result.SENT, "Yes."))
    assert numbers[:2] == numbers[2:]
    assert max(numbers) <= 25
