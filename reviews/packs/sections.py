"""The sections of a change's story, each as blocks of plain texts."""

from collections.abc import Iterable

from changes.models import Approval, EmergencyChange, Evidence
from ecportal.timeline import Entry
from reviews.duties import breaches, matrix
from reviews.ledger import notices_of
from reviews.models import Deadline, RetrospectiveReview
from reviews.packs.wording import (
    Block,
    clocks,
    entries,
    entry,
    facts,
    lag,
    moment,
    stacked,
    table,
    text,
    yes_or_no,
)


def request(change: EmergencyChange) -> list[Block]:
    return facts(
        ("Type", f"{change.TYPE} (flagged by its type)"),
        ("Opened", f"{moment(change.opened_at)}, by {change.requester}"),
        ("What will be changed", change.scope),
        ("Systems", ", ".join(sorted(str(link) for link in change.systems.all()))),
        ("Risk", change.get_risk_display()),
        ("Risk assessment", change.risk_assessment),
        ("Rollback plan", change.rollback_plan or "None yet"),
        ("Submitted", moment(change.submitted_at)),
        ("Rejected", f"{change.get_rejection_display()}, by {change.rejected_by}"
         if change.rejection else ""),
        ("Closed", moment(change.closed_at)),
    )  # fmt: skip


def incident(change: EmergencyChange) -> list[Block]:
    found, decision = change.incident, change.determination
    return [
        *facts(
            ("Incident", ", ".join([str(found), found.get_severity_display(),
                                    found.get_status_display().lower()])),
            ("Times", clocks(found.began_at, found.recorded_at, "Began")),
            ("Recorded by", f"{found.recorded_by}, source: {found.get_source_display()}"),
            ("Link", found.source_url),
            ("Description", found.description),
            ("Systems", ", ".join(sorted(str(link) for link in found.affected.all()))),
            ("Resolved", moment(found.resolved_at)),
            ("Determination", [str(decision), decision.get_imminence_display(),
                               f"Basis: {decision.get_basis_display().lower()}"]),
            ("Decided", [f"By {decision.decided_by}",
                         clocks(decision.decided_at, decision.recorded_at, "Decided")]),
            ("Why the normal process could not be used", decision.why_not_normal),
        ),
        *entries(
            entry(f"Note by {note.written_by}", texts=[note.text],
                  notes=[clocks(note.happened_at, note.recorded_at)])
            for note in found.notes.all()
        ),
    ]  # fmt: skip


def acts(found: Iterable[Entry]) -> list[Block]:
    head = ("Happened", "Recorded", "Lag", "Who", "What and why")
    return table(head, ("auto", "auto", "auto", 1.1, 3), (
        [
            stacked(act.happened_at), stacked(act.recorded_at),
            lag(act.happened_at, act.recorded_at), act.who,
            [line for line in (act.did.capitalize(), act.about, {"quiet": act.reason}) if line],
        ]
        for act in found
    ))  # fmt: skip


def approvals(change: EmergencyChange) -> list[Block]:
    found = entries(_approval(approval) for approval in change.approvals.all())
    return found or text("Nobody has decided on this change.")


def _approval(approval: Approval) -> Block:
    notes = [clocks(approval.decided_at, approval.recorded_at, "Decided")]
    if approval.claimed_by:
        notes.append(f"Claimed by {approval.claimed_by}, {approval.get_channel_display().lower()}")
    if approval.answered_at:
        notes.append(f"Answered {moment(approval.answered_at)}: {approval.answer}")
    notes += [
        f"Link or call log: {approval.call_log}" if approval.call_log else "",
        f"SHA-256 of what was shown: {approval.fingerprint}",
    ]
    kind = f"{approval.get_kind_display()}, {approval.get_status_display().lower()}"
    return entry(approval.decided_by, kind, notes=notes, texts=[approval.comment])


def implementation(change: EmergencyChange) -> list[Block]:
    executions = entries(
        entry(one.get_source_display(), f"by {one.written_by}", logs=[one.text],
              notes=[clocks(one.happened_at, one.recorded_at), one.link])
        for one in change.executions.all()
    )  # fmt: skip
    deviations = entries(
        entry("Deviation from standard testing", f"by {one.written_by}",
              texts=[f"Skipped: {one.skipped}", f"Why: {one.why}",
                     f"Result: {one.result}" if one.result else ""],
              notes=[f"Catch up by {one.catch_up_on}" if one.catch_up_on else "",
                     f"Caught up {moment(one.caught_up_at)} by {one.caught_up_by}"
                     if one.caught_up_at else ""])
        for one in change.deviations.all()
    )  # fmt: skip
    return [
        *facts(
            ("Implemented by", str(change.implementer or "Nobody yet")),
            ("Started", moment(change.started_at)),
            ("Finished", moment(change.finished_at)),
            ("Outcome", change.get_outcome_display()),
            ("Approved at the start", "No: implemented without a valid approval"
             if change.without_approval else ""),
            ("Deviations", "None: standard testing was done in full, as stated"
             if change.no_deviations else ""),
            ("Results", change.results),
            ("Rollback actions", change.rollback_actions),
        ),
        *executions,
        *deviations,
    ]  # fmt: skip


def verification(change: EmergencyChange) -> list[Block]:
    checks = entries(
        entry(one.watched, "stable" if one.stable else "not stable", texts=[one.result],
              notes=[clocks(one.happened_at, one.recorded_at, "Checked"),
                     f"By {one.checked_by}", one.link])
        for one in change.checks.all()
    )  # fmt: skip
    verified = f"{moment(change.verified_at)}, by {change.verifier}" if change.verifier else ""
    return [*facts(("Verified", verified)), *checks] or text("Stability was not verified yet.")


def evidence(change: EmergencyChange) -> list[Block]:
    found = entries(_piece(one) for one in change.evidence.all())
    return found or text("Nothing is attached.")


def _piece(one: Evidence) -> Block:
    where = f"Link: {one.link}" if one.link else ""
    if one.file:
        where = f"File {one.file_name}, {one.size} bytes: attachments/{one.sha256}"
    elif one.text:
        where = f"Pasted log, {one.size} bytes; its text is in changes/{one.change.number}.json"
    return entry(
        one.description,
        one.get_kind_display(),
        notes=[
            clocks(one.captured_at, one.recorded_at, "Captured"),
            f"Attached by {one.attached_by}"
            + (f", from {one.source_system}" if one.source_system else ""),
            where,
            f"SHA-256 {one.sha256}" if one.sha256 else "",
        ],
    )


def review(change: EmergencyChange) -> list[Block]:
    found: RetrospectiveReview | None = getattr(change, "review", None)
    if found is None or found.reviewer is None:
        return text("Not reviewed yet.")
    assert found.held_at is not None
    assert found.recorded_at is not None
    return [
        *facts(
            ("Reviewer", str(found.reviewer)),
            ("Held", clocks(found.held_at, found.recorded_at, "Held")),
            ("Genuine emergency", yes_or_no(found.genuine)),
            ("Procedure followed", yes_or_no(found.procedure_followed)),
            ("Appropriateness", found.appropriateness),
            ("Lessons", found.lessons),
            ("No follow-up because", found.no_follow_up_reason),
        ),
        *table(("Number", "What is to be done", "Owner", "Due", "Status and result"),
               ("auto", 2, 1, "auto", 1.6), (
            [action.number, action.title, str(action.owner), str(action.due_on),
             [action.get_status_display(), {"quiet": action.result}]]
            for action in change.follow_ups.all()
        )),
    ]  # fmt: skip


def exceptions(change: EmergencyChange) -> list[Block]:
    found = entries(
        entry(
            one.get_kind_display(), one.get_status_display().lower(),
            texts=[one.detail, f"Management response: {one.response}" if one.response
                   else "No management response yet."],
            notes=[clocks(one.happened_at, one.recorded_at),
                   f"Answered {moment(one.answered_at)} by {one.answered_by}"
                   if one.answered_at else ""],
        )
        for one in sorted(change.exceptions.all(), key=lambda one: one.pk)
    )  # fmt: skip
    return found or text("None: the process was followed.")


def duties(change: EmergencyChange) -> list[Block]:
    rows = ([duty.name, duty.person or {"quiet": "Nobody yet"}] for duty in matrix(change))
    found = breaches(change)
    said = " ".join(found) if found else "No one hand did too much."
    return [*table(("Duty", "By"), (1, 4), rows), *text(said)]


def deadlines(change: EmergencyChange) -> list[Block]:
    found = table(("Deadline", "Started", "Due", "Ended", "Rule as it stood"),
                  (1.3, "auto", "auto", "auto", 2), (
        [one.get_kind_display(), stacked(one.started_at), stacked(one.due_at), _ended(one),
         {"quiet": one.rule}]
        for one in change.deadlines.all()
    ))  # fmt: skip
    return found or text("No deadline ran.")


def _ended(deadline: Deadline) -> list[str]:
    if deadline.met_at is not None:
        late = deadline.met_at > deadline.due_at
        return [*stacked(deadline.met_at), "met late" if late else "met"]
    if deadline.voided_at is not None:
        return [*stacked(deadline.voided_at), "void: nothing was left"]
    return ["Still runs"]


def ledger(change: EmergencyChange) -> list[Block]:
    found = table(("Reached", "To", "About", "Message sent", "Result"), ("auto", 1, 2, "auto", 1), (
        [stacked(one.escalation.reached_at), one.recipient,
         one.escalation.rung_in_words,
         stacked(one.message.sent_at) if one.message else "", one.result]
        for one in notices_of(change)
    ))  # fmt: skip
    return found or text("Nobody had to be reminded.")


def corrections(change: EmergencyChange) -> list[Block]:
    found = entries(
        entry(f"{one.get_part_display()}, by {one.written_by}",
              "after the approval" if one.after_approval else "", texts=[one.text],
              notes=[clocks(one.happened_at, one.recorded_at, "Written")])
        for one in change.corrections.all()
    )  # fmt: skip
    return found or text("None: nothing was corrected after it was submitted.")


def how_to_verify(change: EmergencyChange) -> list[Block]:
    return [
        *text(
            "This page is for reading. Proof is the pack that it lies in: each act above is an "
            "event whose hash stands in a signed, append-only log. Take verify_pack.py and the "
            "public key from where they were given to you when you began, not from this pack:"
        ),
        *entries([entry("", logs=[
            'python verify_pack.py PACK.zip --vkey "name+id+key" --checkpoint NOTE.txt'
        ])]),
        *text(
            f"It recomputes the log, every attachment’s SHA-256, and changes/{change.number}.json "
            "from the events, and checks that this PDF is the one that the portal made. A "
            "checkpoint that was mailed to you earlier shows that nothing was rewritten since."
        ),
    ]  # fmt: skip
