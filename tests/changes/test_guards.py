"""The guards of opening and deciding: refused, let through, and no exception for superusers."""

from dataclasses import replace
from typing import Any

from changes.lifecycle import CHANGES
from changes.models import Approval, EmergencyChange
from ecportal.accounts import roles
from incidents.lifecycle import INCIDENTS
from tests.changes.delegating import narrow_lead
from tests.changes.refusals import Case, check_each_way, every_check
from tests.scenario import Company, Journey, a_change, a_draft, an_incident, determined, person


def by_another_lead(case: Case) -> None:
    case.by = person("another", roles.LEAD)


def opening(company: Company, incident: Any, determination: Any) -> EmergencyChange:
    return EmergencyChange(
        incident=incident, determination=determination, title="Fix", scope="All of it."
    )


def determination_of_another_incident(company: Company) -> Case:
    def mend(case: Case) -> None:
        case.record.determination = determined(company, incident).determinations.get()

    incident, other = an_incident(company), determined(company, an_incident(company))
    change = opening(company, incident, other.determinations.get())
    said = "The determination belongs to another incident."
    return Case(CHANGES, change, "open", company.engineer, said, mend)


def determined_no_emergency(company: Company) -> Case:
    def mend(case: Case) -> None:
        case.record.determination = determined(company, incident).determinations.last()

    incident = determined(company, an_incident(company), verdict="not_emergency")
    change = opening(company, incident, incident.determinations.get())
    said = "The incident was determined not to be an emergency. Use the normal process."
    return Case(CHANGES, change, "open", company.engineer, said, mend)


def incident_cancelled(company: Company) -> Case:
    def mend(case: Case) -> None:
        other = determined(company, an_incident(company))
        case.record = opening(company, other, other.determinations.get())

    incident = determined(company, an_incident(company))
    INCIDENTS.perform(incident, "cancel", by=company.engineer, reason="A false alarm.")
    change = opening(company, incident, incident.determinations.get())
    said = "The incident was cancelled. Record the right one first."
    return Case(CHANGES, change, "open", company.engineer, said, mend)


def submitting(company: Company, said: str, **lacking: Any) -> Case:
    def mend(case: Case) -> None:
        case.record = a_draft(company)

    return Case(CHANGES, a_draft(company, **lacking), "submit", company.engineer, said, mend)


def scope_missing(company: Company) -> Case:
    return submitting(company, "Say what exactly will be changed.", scope=" \n ")


def rollback_plan_missing(company: Company) -> Case:
    said = "Say how you go back if it makes things worse."
    return submitting(company, said, rollback_plan=" \n ")


def no_system_named(company: Company) -> Case:
    return submitting(company, "Name at least one affected system.", systems=[])


def requested_by_decider(company: Company) -> Case:
    both = person("both", roles.ENGINEER, roles.LEAD)
    change = a_change(replace(company, engineer=both), "submitted")
    said = "You requested this change; someone else must decide on it."
    data = {"fingerprint": change.fingerprint()}
    return Case(CHANGES, change, "approve", both, said, by_another_lead, data)


def rejected_by_requester(company: Company) -> Case:
    case = requested_by_decider(company)
    case.verb, case.data["rejection"] = "reject", "refused"
    return case


def implemented_by_retroactive_decider(company: Company) -> Case:
    both = person("both", roles.ENGINEER, roles.LEAD)
    change = Journey(company, a_draft(company)).do("start_unapproved", both).change
    said = "You implemented this change; someone else must do this."
    data = {"fingerprint": change.fingerprint()}
    return Case(CHANGES, change, "approve_retroactively", both, said, by_another_lead, data)


def systems_not_granted(company: Company) -> Case:
    change = a_change(company, "submitted")
    said = "You may not decide for every system of this change (checkout). Ask another Lead."
    data = {"fingerprint": change.fingerprint()}
    return Case(CHANGES, change, "approve", narrow_lead(), said, by_another_lead, data)


def no_claim_waits(company: Company) -> Case:
    def mend(case: Case) -> None:
        case.record = Journey(company, a_draft(company)).submit().claim().change

    said = "No verbal approval waits for an answer."
    return Case(
        CHANGES, a_change(company, "approved"), "confirm_approval", company.lead, said, mend
    )


def named_is_another(company: Company) -> Case:
    def mend(case: Case) -> None:
        case.by = company.lead

    change = Journey(company, a_draft(company)).submit().claim(company.lead).change
    said = "Only Lead, who is said to have approved, can answer this."
    return Case(CHANGES, change, "confirm_approval", company.lead2, said, mend)


def denial_by_another(company: Company) -> Case:
    case = named_is_another(company)
    case.verb = "deny_approval"
    return case


def approved_before_the_start(company: Company) -> Case:
    def mend(case: Case) -> None:
        case.record = Journey(company, a_draft(company)).start_unapproved().change
        case.data["fingerprint"] = case.record.fingerprint()

    change = a_change(company, "implementing")
    said, data = "This change needs no retroactive decision.", {"fingerprint": change.fingerprint()}
    return Case(CHANGES, change, "reject_retroactively", company.lead, said, mend, data)


def decided_retroactively_already(company: Company) -> Case:
    def mend(case: Case) -> None:
        approved_before_the_start(company).mend(case)

    change = Journey(company, a_draft(company)).start_unapproved().change
    data = {"fingerprint": change.fingerprint()}
    CHANGES.perform(change, "reject_retroactively", by=company.lead2, reason="No.", **data)
    said = "The retroactive decision was made already."
    return Case(CHANGES, change, "approve_retroactively", company.lead, said, mend, data)


def refused_for_good(company: Company) -> Case:
    def mend(case: Case) -> None:
        case.record = a_change(company, "rejected")

    journey = Journey(company, a_change(company, "submitted"))
    journey.do(
        "reject", company.lead, rejection="refused", fingerprint=journey.change.fingerprint()
    )
    said = "This change was refused. Open a new one if there is something else to do."
    return Case(CHANGES, journey.change, "rework", company.engineer, said, mend)


def approval_withdrawn_behind_our_back(company: Company) -> Case:
    def mend(case: Case) -> None:
        case.record = a_change(company, "approved")

    change = a_change(company, "approved")
    Approval._base_manager.filter(change=change).update(status="withdrawn")
    said = "No approval stands. Ask a Lead to decide first."
    return Case(CHANGES, change, "start", company.engineer, said, mend)


@every_check(
    determination_of_another_incident,
    determined_no_emergency,
    incident_cancelled,
    scope_missing,
    rollback_plan_missing,
    no_system_named,
    requested_by_decider,
    rejected_by_requester,
    implemented_by_retroactive_decider,
    systems_not_granted,
    no_claim_waits,
    named_is_another,
    denial_by_another,
    approved_before_the_start,
    decided_retroactively_already,
    refused_for_good,
    approval_withdrawn_behind_our_back,
)
def test_guard(company: Company, situation: Any) -> None:
    check_each_way(situation, company)
