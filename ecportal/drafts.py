"""Keeps what was typed when the session ended before it was sent.

Without a session a posted form goes with the reader through the sign-in page, signed and in that
page alone, and comes back filled in; nothing of it is stored for somebody who is not signed in.
With scripts the tab keeps what is typed as well, until it is sent, discarded or signed out of.
"""

from typing import Any, Final, TypeVar
from urllib.parse import quote

from django import forms
from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect

OWNER: Final = "draft_of"
"""The field that says that a form may be kept, and whose it is: the key of a user."""
CARRIED: Final = "draft"
"""The field of the sign-in page that carries the form."""
DONE: Final = "draft_done"
"""The cookie that tells the tab whose draft arrived."""
KEPT: Final = "draft"
"""The name in the session, from signing in to the next page."""
SALT: Final = "ecportal.drafts"
MOST_CHARACTERS: Final = 1_000_000
"""Longer forms are not carried: the sign-in page must still be accepted when it is sent."""
SECONDS: Final = 60 * 60

LOST = "Your session had ended, so nothing was recorded yet. What you typed is filled in again."
OTHER = "What somebody else had typed in this browser was dropped. Nothing of it was recorded."
FILES = "Choose the file again: files are not kept."

Form = TypeVar("Form", bound=forms.BaseForm)


def of(request: HttpRequest) -> dict[str, Any]:
    """Return what the template of a form needs so that its form is kept."""
    return {"keeps_drafts": True, "draft_owner": request.user.pk}


def sent(request: HttpRequest, address: str) -> HttpResponse:
    """Lead on to `address`, and tell the tab that the form of this page has arrived.

    A script that sent the form is told the address: it would follow a redirect by itself, and the
    page would lose the message that it shows once.
    """
    response: HttpResponse = redirect(address)
    if request.headers.get("X-Requested-With") == "XMLHttpRequest":
        response = HttpResponse(status=204, headers={"X-Next-Page": address})
    if OWNER in request.POST:
        response.set_cookie(
            DONE, quote(request.path, safe=""), max_age=600, samesite="Lax",
            secure=request.is_secure(),
        )  # fmt: skip
    return response


# --- over the sign-in page ----------------------------------------------------------------------
def may_be_kept(request: HttpRequest) -> bool:
    return request.method == "POST" and request.POST.get(OWNER, "").isdecimal()


def _posted(request: HttpRequest) -> dict[str, Any]:
    """Return what is kept of the posted form; passwords and files are never part of it."""
    typed = request.POST.copy()
    for name in list(typed):
        if "password" in name or name == "csrfmiddlewaretoken":
            del typed[name]
    return {
        "path": request.get_full_path(),
        "typed": typed.urlencode(),
        "files": bool(request.FILES),
    }


def pack(request: HttpRequest) -> str:
    """Return the posted form as signed text, or nothing where it is too long to carry."""
    text = signing.dumps(_posted(request), salt=SALT, compress=True)
    return text if len(text) <= MOST_CHARACTERS else ""


def restore(request: HttpRequest) -> HttpResponse | None:
    """After signing in, put what the sign-in page carried before the page it was typed on."""
    try:
        found = signing.loads(request.POST.get(CARRIED, ""), salt=SALT, max_age=SECONDS)
    except signing.BadSignature:
        return None
    return keep(request, found)


def keep(request: HttpRequest, packed: dict[str, Any]) -> HttpResponse:
    """Fill the page that was posted in again, for the person who typed it."""
    if QueryDict(packed["typed"]).get(OWNER) != str(request.user.pk):
        messages.warning(request, OTHER)
    else:
        request.session[KEPT] = packed
        messages.warning(request, f"{LOST} {FILES}" if packed["files"] else LOST)
    return redirect(packed["path"])


def keep_posted(request: HttpRequest) -> HttpResponse:
    """Fill in again what this very request posted, for somebody who is signed in."""
    return keep(request, _posted(request))


def filled_in(request: HttpRequest, form: Form) -> Form:
    """Start the form from what was kept for this page, once; hidden fields keep their own value."""
    if request.method != "GET" or KEPT not in request.session:
        return form
    kept = request.session.pop(KEPT)
    if kept["path"] != request.get_full_path():
        return form
    typed = QueryDict(kept["typed"])
    for name, field in form.fields.items():
        widget = field.widget
        if not (widget.is_hidden or widget.needs_multipart_form):
            form.initial[name] = widget.value_from_datadict(typed, {}, form.add_prefix(name))
    return form
