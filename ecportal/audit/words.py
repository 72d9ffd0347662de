"""Says in plain words what an act did and what an event holds."""

from collections.abc import Callable, Mapping
from re import compile as pattern
from typing import Final

from django.utils.text import capfirst

from ecportal.audit import (
    attestation,
    drift,
    kinds,
    membership,
    reads,
    schema,
    sign_in,
    verify_pack,
)
from ecportal.audit.contents import TRIED, Content, Key, model_of

Names = Mapping[Key, str]
"""What the records are called, as far as the reader may see them."""

KINDS: Final = {
    attestation.HISTORY: "Act on a record",
    sign_in.LOGIN: "Sign-in",
    sign_in.LOGOUT: "Sign-out",
    sign_in.LOGIN_FAILED: "Failed sign-in",
    sign_in.DENIED: "Refused attempt",
    membership.MEMBERSHIP: "Roles and permissions",
    reads.EXPORT: "Export",
    reads.READ: "Page read by an auditor",
    verify_pack.RENDERING: "Documents of an evidence pack",
    kinds.VERIFY: "Verification",
    kinds.SEAL: "Daily report",
    kinds.TIMESTAMP: "Time stamp",
    drift.DRIFT: "Change past the history",
    kinds.REDACTION: "Erasure",
    kinds.ADOPTION: "Adoption of older records",
    kinds.KEY: "New signing key",
    kinds.RECOVERY: "Recovery of the sealer",
    schema.SCHEMA: "Shape of the tables",
    "integration_test": "Test of an integration",
    "slack_account": "Account of a person in Slack",
}
"""What each kind of event is called, in the order of the filter."""

_IRREGULAR: Final = {
    "begin": "began", "cancel": "cancelled", "catch": "caught", "drop": "dropped", "find": "found",
    "give": "gave", "hold": "held", "let": "let", "log": "logged", "make": "made", "send": "sent",
    "draw": "drew", "submit": "submitted", "take": "took", "withdraw": "withdrew", "write": "wrote",
}  # fmt: skip
_NO_VERB: Final = {"a", "an", "the", "no", "not"}
_PAGE: Final = pattern(r"([A-Z]+) (/\S*)")


def act_in_words(verb: str, label: str = "") -> str:
    """Return what a verb of a lifecycle did, such as “asked for approval”.

    `label` is the verb's button, from which its better words come; without one, or where that is
    no plain imperative, they come from the verb itself.
    """
    phrase = label.rstrip("…").removesuffix(" with").strip()
    if not phrase or ":" in phrase or phrase.split()[0].lower() in _NO_VERB:
        phrase = verb.replace("_", " ")
    return " and ".join(map(_past, phrase.split(" and ")))


def _past(phrase: str) -> str:
    word, space, rest = phrase.partition(" ")
    word = word.lower()
    if word in _IRREGULAR:
        word = _IRREGULAR[word]
    elif word.endswith("e"):
        word += "d"
    elif word.endswith("y") and word[-2:-1] not in "aeiou":
        word = f"{word[:-1]}ied"
    else:
        word += "ed"
    return f"{word}{space}{rest}"


def kind_in_words(kind: str) -> str:
    return KINDS.get(kind) or capfirst(kind.replace("_", " "))


def who(content: Content, names: Names) -> str:
    """Return the person behind the event with the username as it was then, or what stands in."""
    username = str(content.context.get("username") or "")
    name = names.get(content.person, "") if content.person else ""
    if name and username and name != username:
        return f"{name} ({username})"
    nobody = "Nobody signed in" if content.context.get("ip") else "The portal itself"
    return name or username or nobody


def sentence(content: Content, names: Names, labels: Mapping[str, str]) -> str:
    """Return what happened; `labels` are the buttons of the record's lifecycle by verb."""
    if content.event.body is None:
        return "What it said was erased."
    if not content.body:
        return "It cannot be read: this is no event that the portal wrote."
    if content.event.kind == attestation.HISTORY:
        return _act(content, names, labels)
    return _SENTENCES.get(content.event.kind, _fields)(content, names)


def _act(content: Content, names: Names, labels: Mapping[str, str]) -> str:
    verb = content.text("history_verb")
    changes = {"+": "created", "~": "changed", "-": "removed"}
    done = changes.get(content.text("history_type"), "recorded")
    if verb:
        done = act_in_words(verb, labels.get(verb, ""))
    about = content.text("history_about")
    return f"{_record(content, names)}: {done}{f' ({about})' if about else ''}"


def _record(content: Content, names: Names) -> str:
    if content.record is None:
        return str(content.event.source)
    label, pk = content.record
    told = f"{capfirst(noun(label))} {content.title or pk}"
    owner = content.belongs_to
    return f"{told} of {named(owner, names)}" if owner else told


def named(key: Key, names: Names) -> str:
    return names.get(key) or f"{noun(key[0])} {key[1]}"


def noun(label: str) -> str:
    """Return what a record of the model with this label is called."""
    model = model_of(label)
    return str(model._meta.verbose_name) if model else label


def _from(content: Content) -> str:
    return f" from {content.context['ip']}" if content.context.get("ip") else ""


def _login_failed(content: Content, names: Names) -> str:
    account = content.text("account")
    known = f"as {account}" if account != sign_in.UNKNOWN else "under a name that nobody has"
    return f"Failed to sign in {known}{_from(content)}"


def _denied(content: Content, names: Names) -> str:
    what, why = content.text("what"), content.text("why")
    if tried := TRIED.fullmatch(what):
        key = (tried[2], tried[3])
        name = f"a new {noun(key[0])}" if key[1] == "new" else named(key, names)
        return f"Tried to {tried[1].replace('_', ' ')} {name}: {why}"
    if asked := _PAGE.fullmatch(what):
        done = "open" if asked[1] in ("GET", "HEAD") else "send something to"
        return f"Tried to {done} {asked[2]}: {why}"
    return f"Tried {what}: {why}"


def _membership(content: Content, names: Names) -> str:
    if content.membership is None:
        return _fields(content, names)
    owner, changed = content.membership
    person, action = named(owner, names), content.text("action")
    if changed and changed[0][0] == "auth.permission":
        many = f"{len(changed)} permission{'s' if len(changed) != 1 else ''}"
        gave, took = f"Gave {person} {many}", f"Took {many} from {person}"
    else:
        many = ", ".join(named(key, names) for key in changed)
        gave, took = f"Put {person} into {many}", f"Took {person} out of {many}"
    cleared = f"Took everything from {person}"
    found = f"Found {person} in {many}, when the trail began"
    return {"added": gave, "removed": took, "adopted": found}.get(action, cleared)


def _drift(content: Content, names: Names) -> str:
    record = f"{noun(content.text('model'))} {content.text('pk')}"
    return f"Found {record} changed past its history: {content.text('columns')}"


def _verify(content: Content, names: Names) -> str:
    if not content.fields.get("findings"):
        return f"Verified {content.text('size')} leaves: nothing found"
    return f"Verified {content.text('size')} leaves: found {content.text('codes')}"


def _seal(content: Content, names: Names) -> str:
    said = {name: content.text(name) for name in ("triggers", "drift", "unsealed")}
    if set(said.values()) == {"0"}:
        return "All triggers in place, nothing changed past its history, nothing waits unsealed"
    return (
        f"Triggers missing or altered: {said['triggers']}; records changed past their history: "
        f"{said['drift']}; events not sealed yet: {said['unsealed']}"
    )


def _rendering(content: Content, names: Names) -> str:
    numbers = content.text("changes").split()
    more = f" and {len(numbers) - 1} more" if len(numbers) > 1 else ""
    return f"Made the documents of {numbers[0] if numbers else 'no change'}{more}"


def _integration_test(content: Content, names: Names) -> str:
    system, outcome = content.text("system"), content.text("outcome").lower()
    return f"Tried out {system}: {outcome}. {content.text('answer')}".strip()


def _slack_account(content: Content, names: Names) -> str:
    return f"Took {content.text('slack')} in Slack for {content.text('account')}"


def _schema(content: Content, names: Names) -> str:
    return "Noted the columns of the protected tables and the migrations that were applied"


def _fields(content: Content, names: Names) -> str:
    told = (f"{name.replace('_', ' ')} {value}"[:200] for name, value in content.fields.items())
    return capfirst("; ".join(told))


_SENTENCES: Final[dict[str, Callable[[Content, Names], str]]] = {
    sign_in.LOGIN: lambda content, names: f"Signed in{_from(content)}",
    sign_in.LOGOUT: lambda content, names: f"Signed out{_from(content)}",
    sign_in.LOGIN_FAILED: _login_failed,
    sign_in.DENIED: _denied,
    reads.READ: lambda content, names: f"Read {content.text('what')}",
    membership.MEMBERSHIP: _membership,
    drift.DRIFT: _drift,
    kinds.VERIFY: _verify,
    kinds.SEAL: _seal,
    schema.SCHEMA: _schema,
    verify_pack.RENDERING: _rendering,
    "integration_test": _integration_test,
    "slack_account": _slack_account,
}
