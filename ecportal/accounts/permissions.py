"""Answers who may do what, model-wide or on one object."""

from typing import Any

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import BigIntegerField, Model, Q, QuerySet
from django.db.models.functions import Cast
from guardian.models import GroupObjectPermission, UserObjectPermission

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
    kind = ContentType.objects.get_for_model(record)
    here = Q(content_type=kind, object_pk=str(record.pk))
    own = UserObjectPermission.objects.filter(here, user=user)
    shared = GroupObjectPermission.objects.filter(here, group__user=user)
    rows = own.values_list("permission__codename").union(shared.values_list("permission__codename"))
    return frozenset(codename for (codename,) in rows)


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


def granted(user: User, codename: str, model: type[Model]) -> QuerySet[Any]:
    """Return the objects of `model` on which the user was given `codename` one by one.

    The same answer as guardian's `get_objects_for_user` without global permissions, by a query
    that is small enough to stand inside others on every page.
    """
    kind = ContentType.objects.get_for_model(model)
    here = Q(content_type=kind, permission__codename=codename)
    own = UserObjectPermission.objects.filter(here, user=user)
    shared = GroupObjectPermission.objects.filter(here, group__user=user)
    return model._default_manager.filter(Q(pk__in=_keys(own)) | Q(pk__in=_keys(shared)))


def _keys(permissions: QuerySet[Any]) -> QuerySet[Any]:
    return permissions.values_list(Cast("object_pk", BigIntegerField()))
