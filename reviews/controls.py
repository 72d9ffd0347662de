"""The controls: each sentence of the policy, the rule in code that enforces it, one row each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings

from changes import decisions, guards
from changes.lifecycle import ends_in_the_future, to_a_colleague
from changes.models import Policy
from ecportal.accounts.lifecycle import not_a_superuser, not_oneself
from ecportal.lifecycle import Lifecycle
from ecportal.numbering import take_number
from reviews import lifecycle as rules
from reviews import reconciling
from reviews.business_days import company_calendar, next_business_day
from reviews.models import ControlException, Deadline
from reviews.reconciliation import Window, reconcile
from reviews.register import note_late, raise_exception, register_from_review

Kind = ControlException.Kind
Due = Deadline.Kind


@dataclass(frozen=True)
class Control:
    """One sentence of the policy and what makes it true.

    `rules` are functions of the code, `constraints` the names of what the database itself refuses,
    `deadline` the kind whose lateness is noticed. `parameter` is a field of the policy, or says
    what the installation has set. `kinds` are the exceptions that tell that the rule was broken.
    """

    step: str
    sentence: str
    rules: tuple[Callable[..., Any], ...] = ()
    constraints: tuple[str, ...] = ()
    deadline: str = ""
    parameter: str = ""
    unit: str = ""
    setting: Callable[[], str] | None = None
    kinds: tuple[str, ...] = ()


def _lead_scope() -> str:
    everywhere = settings.LEAD_SCOPE == "all"
    return "Every Lead, for every system" if everywhere else "Only for the systems granted"


def _change_window() -> str:
    return f"Change window: {Window(Policy.in_force(), company_calendar())}"


def _business_days() -> str:
    parts = (settings.BUSINESS_COUNTRY, settings.BUSINESS_SUBDIVISION)
    region = "-".join(part for part in parts if part)
    return f"Holidays of {region} and the company’s own, in {settings.TIME_ZONE}"


CONTROLS: Final = (
    Control(
        "1 Determine", "No emergency change without a determination of its own incident.",
        (guards.determined_an_emergency, guards.incident_stands),
        kinds=(Kind.NOT_GENUINE,),
    ),
    Control(
        "2 Open", "Numbers have no gaps, and nothing is ever deleted.", (take_number,),
        ("change_has_a_number",),
    ),
    Control(
        "2 Open", "Scope, systems and rollback plan are written before approval is asked for.",
        (guards.scope_written, guards.systems_named, guards.rollback_planned),
        ("submitted_says_when",),
    ),
    Control(
        "3 Approve", "Nobody approves their own change.", (guards.not_requester,),
        ("approver_is_not_requester", "rejecter_is_not_requester",
         "nobody_decides_on_their_own_change"),
        kinds=(Kind.DUTIES,),
    ),
    Control(
        "3 Approve", "A Lead decides for the systems that are theirs to decide on.",
        (guards.may_approve_every_system,), setting=_lead_scope,
    ),
    Control(
        "3 Approve", "The approval binds to exactly what was shown; a changed scope loses it.",
        (decisions.check_seen, decisions.withdraw_approval), ("one_standing_approval_a_change",),
    ),
    Control(
        "3 Approve", "Approval is decided on in time.", (note_late,), deadline=Due.APPROVAL,
        parameter="approval_minutes", unit="minutes", kinds=(Kind.APPROVAL_LATE,),
    ),
    Control(
        "3 Approve", "A verbal approval is confirmed or denied by that approver, under their own "
        "login, in time.",
        (guards.named_in_claim,), ("nobody_claims_their_own_approval",
                                   "verbal_approval_says_who_claims_it"),
        Due.CONFIRMATION, "confirmation_hours", "hours", kinds=(Kind.UNCONFIRMED, Kind.DENIED),
    ),
    Control(
        "3 Approve", "A delegation goes to a colleague, ends by its date, and never lets anyone "
        "approve their own change.",
        (to_a_colleague, ends_in_the_future, guards.not_requester),
        ("delegation_ends_after_it_begins", "nobody_delegates_to_themselves"),
    ),
    Control(
        "4 Implement", "Work starts with an approval that stands; without one it is flagged.",
        (guards.approval_stands,), ("approved_or_flagged_without_approval",),
        kinds=(Kind.UNAPPROVED,),
    ),
    Control(
        "4 Implement", "What began without approval is decided on after the fact, by somebody "
        "who did not do it.",
        (guards.needs_retroactive_decision, guards.not_implementer, next_business_day),
        deadline=Due.RETROACTIVE, setting=_business_days, kinds=(Kind.RETROACTIVE_LATE,),
    ),
    Control(
        "5 Verify", "Stability is verified only after the observation window.",
        (guards.window_passed,), ("verified_has_a_verifier",), parameter="observation_minutes",
        unit="minutes",
    ),
    Control(
        "5 Verify", "Another than the implementer verifies, where the policy demands it.",
        (guards.verifier_allowed,), parameter="verifier_differs",
    ),
    Control(
        "6 Document", "The step cannot be left without evidence.", (guards.evidence_attached,),
        ("documented_has_results", "evidence_is_one_of_file_link_text"),
        kinds=(Kind.EVIDENCE_MISSING,),
    ),
    Control(
        "6 Document", "Results and evidence are written down in time.", (note_late,),
        deadline=Due.DOCUMENTATION, parameter="documentation_hours", unit="hours",
        kinds=(Kind.DOCUMENTATION_LATE,),
    ),
    Control(
        "7 Review", "A Lead who neither requested nor implemented it holds the review; only the "
        "review closes a change.",
        (rules.not_requester_nor_implementer, rules.change_documented,
         rules.closed_by_review_alone),
        ("nobody_reviews_their_own_work", "reviewer_is_neither_requester_nor_implementer",
         "closed_has_a_reviewer"),
        kinds=(Kind.DUTIES,),
    ),
    Control(
        "7 Review", "The review is held by the end of the next business day.",
        (next_business_day, note_late), deadline=Due.REVIEW, setting=_business_days,
        kinds=(Kind.REVIEW_LATE,),
    ),
    Control(
        "7 Review", "The review says whether it was a genuine emergency.", (register_from_review,),
        ("completed_review_says_by_whom_and_what",), kinds=(Kind.NOT_GENUINE,),
    ),
    Control(
        "Every act", "What happened is claimed in the past, never in the future.",
        (Lifecycle.perform,),
        ("decided_in_the_past", "executed_in_the_past", "checked_in_the_past",
         "captured_in_the_past"),
    ),
    Control(
        "Every act", "A confidential change is acted on only by those who may see it.",
        (guards.visible_to_actor,),
    ),
    Control(
        "Reconciliation", "What other systems saw and no change claims is matched to a change, or "
        "dismissed with a reason, by a Lead.",
        (reconcile, reconciling.change_stands),
        ("reconciliation_is_of_one_thing", "settled_reconciliation_says_by_whom",
         "matched_reconciliation_names_a_change", "dismissed_reconciliation_names_no_change"),
        setting=_change_window, kinds=(Kind.NOT_DECLARED, Kind.NO_INCIDENT),
    ),
    Control(
        "Exceptions", "Each is registered once by itself, never deleted, and answered by a Lead.",
        (raise_exception,), ("each_exception_once", "answered_exception_says_by_whom"),
        kinds=tuple(Kind.values),
    ),
    Control(
        "Roles", "Nobody gives or takes their own roles; a superuser is made in no portal.",
        (not_oneself, not_a_superuser),
    ),
)  # fmt: skip


def in_words(rule: Callable[..., Any]) -> str:
    """Return what the code says of the rule: the first line of its docstring, or its name."""
    said = (rule.__doc__ or "").strip().split("\n")[0]
    said = said.replace("`", "")
    return said or rule.__name__.replace("_", " ").capitalize() + "."


def named(rule: Callable[..., Any]) -> str:
    return f"{rule.__module__}.{rule.__qualname__}"


def present(control: Control, policy: Policy) -> str:
    """Return the parameter of the control as it is now, in words."""
    if control.setting is not None:
        return control.setting()
    if not control.parameter:
        return ""
    value = getattr(policy, control.parameter)
    if isinstance(value, bool):
        return "Demanded" if value else "Not demanded"
    return f"{value} {control.unit}"


def since(field: str, versions: list[Any]) -> Any:
    """Return the version of the policy (newest first) by which its present value came in force."""
    first = None
    for version in versions:
        if first is not None and getattr(version, field) != getattr(first, field):
            break
        first = version
    return first
