"""An emergency is declared from Slack by whoever may, with the same answers and sentences."""

from typing import Any

import pytest

from changes.models import EmergencyChange
from ecportal import clock
from ecportal.accounts import roles
from ecportal.integrations.models import Delivery
from incidents.lifecycle import INCIDENTS, SYSTEMS
from incidents.models import Incident, System
from tests.integrations.channels.clicking import command, interact, send
from tests.integrations.channels.servers import SlackServer
from tests.integrations.channels.told import CHANNEL, settle
from tests.scenario import Company, an_incident

pytestmark = [pytest.mark.django_db, pytest.mark.once]
ANSWERS = {
    "criterion": "outage", "why_not_normal": "Every minute costs orders.",
    "scope": "Roll checkout back to 4.18.2.", "risk": "low",
    "rollback_plan": "Deploy 4.19.0 again.", "route": "ask",
}  # fmt: skip


@pytest.fixture
def people(company: Company, slack: SlackServer) -> Company:
    for name in ("engineer", "lead", "auditor"):
        slack.meets(f"U{name.upper()}", f"{name}@example.test")
    return company


def opened(slack: SlackServer, user: str = "UENGINEER", text: str = "") -> dict[str, Any]:
    response = command(user, text)
    assert (response.status_code, response.content) == (200, b"")
    return slack.views[-1]


def fields(view: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {block["block_id"]: block["element"] for block in view["blocks"]}


def test_engineer_declares_in_one_dialog(people: Company, slack: SlackServer) -> None:
    incident = an_incident(people)
    view = opened(slack)
    chosen = fields(view)["incident"]["initial_option"]
    assert chosen["text"]["text"].endswith(f"{incident.number} {incident.title}"[:60])
    response = send("UENGINEER", view, incident=chosen["value"], **ANSWERS)
    assert (response.status_code, response.content) == (200, b"")
    change = EmergencyChange.objects.get()
    assert (change.requester, change.incident, change.status) == (
        people.engineer, incident, "submitted"
    )  # fmt: skip
    assert change.determination.why_not_normal == ANSWERS["why_not_normal"]
    settle("slack")
    assert len(slack.messages[CHANNEL]) == 2


def test_verbal_approval_can_be_claimed_at_once(people: Company, slack: SlackServer) -> None:
    incident = an_incident(people)
    claimed = {**ANSWERS, "route": "claim", "said_by": str(people.lead.pk), "channel": "phone",
               "said": "“Roll it back.”"}  # fmt: skip
    send("UENGINEER", opened(slack), incident=str(incident.pk), **claimed)
    change = EmergencyChange.objects.get()
    assert (change.status, change.approver) == ("approved", people.lead)


def test_whoever_may_decide_on_an_incident_that_is_offered_can_be_named(
    people: Company, slack: SlackServer, settings: Any
) -> None:
    settings.LEAD_SCOPE = "granted"
    roles.sync()
    search = SYSTEMS.perform(System(name="search"), "register", by=people.lead, reason="Ours.")
    for system, lead in ((people.system, people.lead), (search, people.lead2)):
        SYSTEMS.perform(system, "grant", by=people.roleadmin, reason="Theirs.", person=lead)
    an_incident(people)
    INCIDENTS.perform(
        Incident(title="Search is slow", began_at=clock.now()), "record", by=people.engineer,
        reason="Paged.", systems=[search],
    )  # fmt: skip
    offered = [row["value"] for row in fields(opened(slack))["said_by"]["options"]]
    assert offered == [str(people.lead.pk), str(people.lead2.pk)]


def test_words_behind_the_command_fill_in(people: Company, slack: SlackServer) -> None:
    first, _second = an_incident(people), an_incident(people, title="Search is slow")
    view = opened(slack, text=first.number.lower())
    assert fields(view)["incident"]["initial_option"]["value"] == str(first.pk)
    view = opened(slack, text="Roll back to 4.18.2")
    assert fields(view)["scope"]["initial_value"] == "Roll back to 4.18.2"


def test_shortcut_opens_the_dialog_too(people: Company, slack: SlackServer) -> None:
    an_incident(people)
    user = {"id": "UENGINEER", "team_id": "T1"}
    interact({"type": "shortcut", "callback_id": "declare", "user": user, "trigger_id": "9.t"})
    assert slack.views[0]["callback_id"] == "declare"


WRONG = [
    ({"scope": " "}, "scope", "Answer in a sentence."),
    ({"risk": "none"}, "risk", "is not one of the available choices"),
    ({"incident": "999999"}, "incident", "Choose one of the incidents."),
    ({"incident": "９"}, "incident", "Choose one of the incidents."),
    ({"route": "claim"}, "said_by", "Choose who said it."),
    ({"why_not_normal": "x" * 10_001}, "why_not_normal", "at most 10000"),
]


@pytest.mark.parametrize(("given", "field", "sentence"), WRONG)
def test_dialog_says_what_is_wrong_at_its_field(
    people: Company, slack: SlackServer, given: dict[str, str], field: str, sentence: str
) -> None:
    incident = an_incident(people)
    view = opened(slack)
    answers = {"incident": str(incident.pk), **ANSWERS, **given}
    said = send("UENGINEER", view, **answers).json()
    assert said["response_action"] == "errors"
    assert sentence in said["errors"][field]
    assert not EmergencyChange.objects.exists()
    assert not incident.determinations.exists()


def test_sent_twice_it_is_declared_once(people: Company, slack: SlackServer) -> None:
    incident = an_incident(people)
    view = opened(slack)
    send("UENGINEER", view, incident=str(incident.pk), **ANSWERS)
    said = send("UENGINEER", view, incident=str(incident.pk), **ANSWERS).json()
    assert "You declared this a moment ago" in said["errors"]["incident"]
    assert EmergencyChange.objects.count() == 1


@pytest.mark.parametrize(
    ("user", "sentence"),
    [("ULEAD", "Your role does not include"), ("UAUDITOR", "Your role does not include"),
     ("USTRANGER", "The portal does not know who you are")],
)  # fmt: skip
def test_who_may_not_declare_is_told_so(
    people: Company, slack: SlackServer, user: str, sentence: str
) -> None:
    incident = an_incident(people)
    said = command(user).json()
    assert said["response_type"] == "ephemeral"
    assert said["text"].startswith(sentence)
    assert not slack.views
    view = opened(slack)
    answer = send(user, view, incident=str(incident.pk), **ANSWERS).json()
    assert answer["response_action"] == "errors"
    assert not EmergencyChange.objects.exists()


def test_without_an_open_incident_the_way_is_the_portal(
    people: Company, slack: SlackServer
) -> None:
    said = command("UENGINEER").json()["text"]
    assert said.startswith("No incident is open.")
    assert said.endswith("/admin/changes/emergencychange/declare/")


def test_slack_that_is_slow_costs_a_sentence(people: Company, slack: SlackServer) -> None:
    an_incident(people)
    slack.says_no["views.open"] = "expired_trigger_id"
    assert command("UENGINEER").json()["text"].startswith("Slack and the portal did not")
    slack.says_no.clear()
    slack.faults = ["hang before"]
    assert command("UENGINEER").json()["text"].startswith("Slack and the portal did not")


def test_command_is_kept_as_it_came(people: Company, slack: SlackServer) -> None:
    an_incident(people)
    command("UENGINEER", "INC-1")
    delivery = Delivery.objects.get()
    assert (delivery.outcome, delivery.event) == ("done", "/emergency")
    assert b"command=%2Femergency" in bytes(delivery.body)
