"""Who is in which group and what a group may do, as events: simple-history sees neither."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from django.contrib.auth.models import Group
from django.db import models

from ecportal.audit import attestation, drift
from ecportal.audit.models import AuditEvent

MEMBERSHIP: Final = "membership"
_DONE: Final = {"post_add": "added", "post_remove": "removed", "post_clear": "cleared"}


_loading: ContextVar[bool] = ContextVar("a_copy_is_loaded", default=False)


@contextmanager
def loading() -> Iterator[None]:
    """Write no events inside, where a copy of the data is loaded: its own come with it."""
    token = _loading.set(True)
    try:
        yield
    finally:
        _loading.reset(token)


def held(relation: Any, pk: Any) -> str:
    """Return the keys of what this owner holds now, "3 8 11", as an event writes it.

    `relation` is the table between owner and held, such as `User.groups.through`.
    """
    owner, other = _ends(relation)
    rows = relation._base_manager.filter(**{owner: pk}).order_by(other)
    return " ".join(str(key) for key in rows.values_list(other, flat=True))


def _ends(relation: Any) -> tuple[str, str]:
    """Return the columns of the owner and of what is held; a group is held by people."""
    owner, other = (f.attname for f in relation._meta.concrete_fields if f.is_relation)
    return owner, other


def changed(
    sender: type[models.Model],
    instance: models.Model,
    action: str,
    reverse: bool,
    pk_set: set[Any] | None,
    **_: Any,
) -> None:
    """Write one event for each owner whose holdings changed, from whichever side it was done.

    Before the change, look whether somebody went past the events: the new one would adopt it.
    """
    if action == "pre_clear" and reverse:
        owner, other = _ends(sender)
        rows = sender._base_manager.filter(**{other: instance.pk})
        instance._cleared = list(rows.values_list(owner, flat=True))  # type: ignore[attr-defined]
    if pk_set == set() or _loading.get():
        return
    if not reverse:
        owners = [instance.pk]
        named = " ".join(str(key) for key in sorted(pk_set or ()))
    else:
        owners = sorted(pk_set) if pk_set is not None else instance._cleared  # type: ignore[attr-defined]
        named = str(instance.pk)
    for pk in owners:
        if action not in _DONE:
            _guard(sender, pk)
            continue
        attestation.record(
            MEMBERSHIP,
            relation=sender._meta.label_lower,
            owner=pk,
            action=_DONE[action],
            changed=named,
            held=held(sender, pk),
        )


def _guard(relation: Any, pk: Any) -> None:
    """Tell if what this owner holds is not what its newest event says."""
    # Bodies are canonical: these two fields stand side by side in one way only.
    about = f'"owner":{pk},"relation":"{relation._meta.label_lower}"'
    events = AuditEvent.objects.filter(kind=MEMBERSHIP, body__contains=about).order_by("-pk")
    newest = events.values_list("body", flat=True).first()
    said = json.loads(newest)["fields"]["held"] if newest else ""
    if held(relation, pk) != said:
        owner = next(f.related_model for f in relation._meta.concrete_fields if f.is_relation)
        fields = owner._meta.many_to_many
        names = [field.name for field in fields if field.remote_field.through is relation]
        drift.tell(owner._meta.label_lower, pk, names)


def adopt(relation: Any) -> int:
    """Write down what each owner holds when the trail begins; return how many hold something."""
    owner, _other = _ends(relation)
    owners = relation._base_manager.order_by(owner).values_list(owner, flat=True).distinct()
    for pk in owners:
        now = held(relation, pk)
        attestation.record(
            MEMBERSHIP,
            relation=relation._meta.label_lower,
            owner=pk,
            action="adopted",
            changed=now,
            held=now,
        )
    return len(owners)


def relations(user_model: type[Any]) -> list[Any]:
    """Return the tables whose changes are events."""
    return [
        user_model.groups.through,
        user_model.user_permissions.through,
        Group.permissions.through,
    ]
