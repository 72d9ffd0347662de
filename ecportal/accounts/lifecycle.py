"""What may be done with people: who is in which group, and who has an account at all."""

from ecportal.accounts.models import ApiToken, User
from ecportal.accounts.roles import AUDITOR, ROLE_ADMINISTRATOR, ROLES
from ecportal.lifecycle import NEW, Act, Lifecycle, Transition, TransitionRefused

ALONE = {AUDITOR, ROLE_ADMINISTRATOR}
"""Who reads everything writes nothing, and who gives roles has no other."""

ACTIVE, INACTIVE = "active", "inactive"


def not_oneself(person: User, act: Act) -> str | None:
    """Nobody gives or takes their own roles, whatever their rank."""
    if person.pk == act.by.pk:
        return "This is your own account. Another Role Administrator must do this."
    return None


def a_person(person: User, act: Act) -> str | None:
    if person.is_system:
        return "This is the system account. It belongs to the portal itself."
    return None


def no_service(person: User, act: Act) -> str | None:
    if person.is_service:
        return "This is a service account. Its tokens say what it may do; it holds no role."
    return None


def not_a_superuser(person: User, act: Act) -> str | None:
    if person.is_superuser:
        return "This is a superuser. Only whoever runs the server can change that account."
    return None


def _role(act: Act) -> str:
    role = act.data["role"]
    if role.name not in ROLES:
        raise TransitionRefused(f"{role.name} is no role of the process.", "role")
    return str(role.name)


def enroll(person: User, act: Act) -> None:
    person.is_superuser = False
    if person.is_service:
        person.set_unusable_password()
    else:
        person.set_password(act.data["password"])


def write_details(person: User, act: Act) -> None:
    names = ("first_name", "last_name", "email", "time_zone", "access_from", "access_until")
    for name in names:
        setattr(person, name, act.data[name])
    begins, ends = person.access_from, person.access_until
    if begins and ends and ends <= begins:
        raise TransitionRefused("Access must end after it begins.", "access_until")


def join_role(person: User, act: Act) -> None:
    name = _role(act)
    if person.groups.filter(name=name).exists():
        raise TransitionRefused(f"{person} has the role {name} already.", "role")
    held = set(person.groups.filter(name__in=ROLES).values_list("name", flat=True))
    if held and (name in ALONE or held & ALONE):
        others = ", ".join(sorted(held))
        raise TransitionRefused(
            f"{person} is {others}. Auditors and Role Administrators hold no other role; "
            "take that one away first.",
            "role",
        )
    person.groups.add(act.data["role"])


def leave_role(person: User, act: Act) -> None:
    name = _role(act)
    if not person.groups.filter(name=name).exists():
        raise TransitionRefused(f"{person} does not have the role {name}.", "role")
    person.groups.remove(act.data["role"])


def deactivate(person: User, act: Act) -> None:
    person.is_active = False


def reactivate(person: User, act: Act) -> None:
    person.is_active = True


_others = (a_person, not_oneself, not_a_superuser)
_anyone = {ACTIVE, INACTIVE}

LIFECYCLE = Lifecycle(
    User,
    Transition("enroll", NEW, None, effect=enroll, label="Add person"),
    Transition("revise", _anyone, None, _others, write_details, "Change details"),
    Transition("assign_role", {ACTIVE}, None, (*_others, no_service), join_role, "Give a role"),
    Transition("withdraw_role", _anyone, None, _others, leave_role, "Take a role away"),
    Transition("deactivate", {ACTIVE}, None, _others, deactivate),
    Transition("reactivate", {INACTIVE}, None, _others, reactivate),
)


# --- tokens of service accounts -----------------------------------------------------------------
def for_a_service(token: ApiToken, act: Act) -> str | None:
    """Only programs come with tokens; people sign in."""
    if token._state.adding and not token.account.is_service:
        return f"{token.account} is no service account. People sign in; they have no tokens."
    return None


def issue(token: ApiToken, act: Act) -> None:
    token.issued_at = act.recorded_at


def revoke(token: ApiToken, act: Act) -> None:
    token.revoked_at = act.recorded_at


TOKENS = Lifecycle(
    ApiToken,
    Transition("issue", NEW, ApiToken.Status.VALID, [for_a_service], issue, "Issue token",
               internal=True),
    Transition("revoke", {ApiToken.Status.VALID}, ApiToken.Status.REVOKED, [], revoke, "Revoke…"),
)  # fmt: skip
