"""Answers who may do what, model-wide or on one object."""

from collections import defaultdict
from collections.abc import Mapping

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q
from guardian.models import GroupObjectPermission, UserObjectPermission
from guardian.shortcuts import assign_perm, remove_perm

from ecportal.accounts import roles
from ecportal.accounts.models import User


def verbs_of(user: User) -> frozenset[str]:
    """Return the permissions, as app.codename, that the user's groups give model-wide.

    Unlike `has_perm` this does not short-circuit for superusers: a superuser who is in no role may
    do nothing in the process.
    """
    if user.is_system:
        return roles.SYSTEM
    if user.is_service:
        return user.token_verbs
    return held_by(user) if user.is_active or user.is_superuser else frozenset()


def held_by(user: User) -> frozenset[str]:
    """Return what the user and their groups were given model-wide; asked for once a user object."""
    known: frozenset[str] | None = getattr(user, "_verbs", None)
    if known is None:
        rows = Permission.objects.filter(Q(group__user=user) | Q(user=user)).values_list(
            "content_type__app_label", "codename"
        )
        known = frozenset(f"{app}.{codename}" for app, codename in rows)
        user._verbs = known  # type: ignore[attr-defined]
    return known


def object_verbs(user: User, record: Model) -> frozenset[str]:
    """Return the codenames that the user, or a group of theirs, was given on this one object."""
    kind = ContentType.objects.get_for_model(record).pk
    return frozenset(
        codename
        for (model, codename), keys in _given_to(user).items()
        if model == kind and record.pk in keys
    )


def granted(user: User, codename: str, model: type[Model]) -> frozenset[int]:
    """Return the keys of the objects on which the user was given this one by one."""
    kind = ContentType.objects.get_for_model(model).pk
    return _given_to(user).get((kind, codename), frozenset())


def give(user: User, codename: str, record: Model) -> None:
    """Give the user this on one object."""
    assign_perm(codename, user, record)
    _forget(user)


def take(user: User, codename: str, record: Model) -> None:
    """Take from the user what they were given on one object."""
    remove_perm(codename, user, record)
    _forget(user)


def _forget(user: User) -> None:
    """Ask the database again: who was given something may act on it in the same request."""
    user.__dict__.pop("_given", None)


def _given_to(user: User) -> Mapping[tuple[int, str], frozenset[int]]:
    """Return what the user was given on single objects; asked for once a user object.

    A few rows for most people, which every page asks for several times.
    """
    known: Mapping[tuple[int, str], frozenset[int]] | None = getattr(user, "_given", None)
    if known is None:
        columns = ("content_type_id", "permission__codename", "object_pk")
        own = UserObjectPermission.objects.filter(user=user).values_list(*columns)
        shared = GroupObjectPermission.objects.filter(group__user=user).values_list(*columns)
        keys = defaultdict(set)
        for kind, codename, key in own.union(shared):
            keys[kind, codename].add(int(key))
        known = {name: frozenset(several) for name, several in keys.items()}
        user._given = known  # type: ignore[attr-defined]
    return known


def may(
    user: User,
    verb: str,
    model: type[Model],
    record: Model | None = None,
    held: frozenset[str] | None = None,
) -> bool:
    """Whether a user whose account is valid now holds `verb` on the model, or on this object.

    `held` saves the question to the database where `object_verbs` was asked already.
    """
    if not user.may_act:
        return False
    meta = model._meta
    codename = f"{verb}_{meta.model_name}"
    if f"{meta.app_label}.{codename}" in verbs_of(user):
        return True
    if record is None or record.pk is None:
        return False
    return codename in (object_verbs(user, record) if held is None else held)
