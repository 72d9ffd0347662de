"""Who in Slack is who here, asked for once; and how one of them is answered alone."""

from typing import Any, Final

from ecportal.accounts.models import User
from ecportal.audit import attestation
from ecportal.integrations import remote
from ecportal.integrations.channels.answers import Unsent
from ecportal.integrations.channels.slack_calls import Slack
from ecportal.integrations.models import RemoteObject, System
from ecportal.outbox.models import Message
from ecportal.outbox.publishing import tell

PERSON: Final = "person"
"""The kind of object: its key is workspace and user, its thread the key of the account."""

LINKED: Final = "slack_account"
"""The kind of event that the trail keeps of each account that was found."""

NOBODY: Final = (
    "The portal does not know who you are: no active account, or more than one, has the e-mail "
    "address that Slack has of you. A Role Administrator of the portal can help."
)


def person_of(team: str, user: str) -> User | None:
    """Return the account of a person in Slack that is known already."""
    known = RemoteObject.objects.filter(system=System.SLACK, kind=PERSON, key=_key(team, user))
    pk = known.values_list("thread", flat=True).first()
    return User.objects.filter(pk=int(pk)).first() if pk else None


def meet(team: str, user: str, seconds: float) -> User | None:
    """Return the account of a person in Slack; who is not known yet is asked for over there.

    The account is the one active person's whose e-mail address Slack knows to be this user's, and
    is kept. Raises Unsent where Slack does not answer within `seconds` each time.
    """
    known = person_of(team, user)
    if known is not None or not (team and user):
        return known
    slack = Slack(seconds)
    try:
        found = slack.read("users_info", user=user).get("user") or {}
        address = str((found.get("profile") or {}).get("email") or "")
        if not address or not _is(found, team, user):
            return None
        # Of guests of another workspace anything can be said; this asks for members of ours.
        named = slack.read("users_lookupByEmail", email=address).get("user") or {}
    except Unsent as unsent:
        if unsent.answer.text in ("user_not_found", "users_not_found", "user_not_visible"):
            return None
        raise
    people = [one for one in User.objects.filter(email__iexact=address) if one.may_sign_in]
    if len(people) != 1 or not _is(named, team, user):
        return None
    [person] = people
    remote.remember(System.SLACK, PERSON, _key(team, user), thread=str(person.pk))
    attestation.record(LINKED, slack=_key(team, user), account=person.username)
    return person


def _is(found: dict[str, Any], team: str, user: str) -> bool:
    """Whether this is that person of that workspace: no program, and nobody who left."""
    if found.get("deleted") or found.get("is_bot"):
        return False
    return found.get("id") == user and found.get("team_id", team) == team


def _key(team: str, user: str) -> str:
    return f"{team}/{user}"


def mention(person: User) -> str:
    """Return what names this person in Slack so that they notice, or their name."""
    known = RemoteObject.objects.filter(system=System.SLACK, kind=PERSON, thread=str(person.pk))
    key = known.values_list("key", flat=True).first()
    return f"<@{key.partition('/')[2]}>" if key else ""


def whisper(channel: str, user: str, text: str, *, subject: str, thread: str = "") -> None:
    """Say something to one person alone, where they pressed a button; soon after the commit."""
    payload = {"act": "whisper", "user": user, "text": text[:3000], "thread": thread}
    tell(Message.Channel.SLACK, channel, payload, subject=subject)
