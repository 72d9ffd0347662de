"""The calls to Jira that the portal makes; each raises Unsent where it does not succeed."""

import base64
import json
from typing import IO, Any, Final

from django.conf import settings

from ecportal.integrations.channels.answers import needed, refuse
from ecportal.integrations.channels.calling import Caller
from ecportal.integrations.channels.jira_flavors import FLAVORS

MOST_ROWS: Final = 100
"""Types of issues that are asked for, and comments, from the newest back."""


class Jira:
    """One site, as the settings name it, for one batch of messages."""

    def __init__(self) -> None:
        self.flavor = FLAVORS[settings.JIRA_FLAVOR]
        self.caller = Caller(
            f"{settings.JIRA_URL}/rest/api/{self.flavor.version}",
            headers={"Authorization": _authorization(), "Accept": "application/json"},
        )
        self._type: str | None = None

    # --- issues ---------------------------------------------------------------------------------
    def myself(self) -> str:
        return str(self.caller.read("/myself").object().get("displayName", ""))

    def issue_type(self) -> str:
        """Return the id of the type of issue that is configured; asked for once a batch."""
        wanted = settings.JIRA_ISSUE_TYPE
        if self._type is None:
            path = f"/issue/createmeta/{settings.JIRA_PROJECT}/issuetypes"
            found = self.caller.read(path, params={"maxResults": MOST_ROWS}).object()
            kinds = found[self.flavor.types_key if self.flavor.types_key in found else "issueTypes"]
            ids = {str(kind.get("name", "")).lower(): str(kind.get("id")) for kind in kinds}
            if wanted in ids.values():
                self._type = wanted
            elif wanted.lower() in ids:
                self._type = ids[wanted.lower()]
            else:
                names = ", ".join(sorted(str(kind.get("name")) for kind in kinds)) or "none"
                raise refuse(f"{settings.JIRA_PROJECT} has no issue type “{wanted}”, but: {names}.")
        return self._type

    def create(self, fields: dict[str, Any]) -> str:
        """Create an issue and return its key."""
        own = {"project": {"key": settings.JIRA_PROJECT}, "issuetype": {"id": self.issue_type()}}
        made = self.caller.write("/issue", json={"fields": {**fields, **own}}).object()
        return needed(made, "key")

    def with_label(self, label: str) -> str | None:
        """Return the key of the oldest issue with this label, or None."""
        query = f'project = "{settings.JIRA_PROJECT}" AND labels = "{label}" ORDER BY created ASC'
        body = {"jql": query, "maxResults": 1, "fields": ["labels"]}
        found = self.caller.search(self.flavor.search_path, json=body).object()["issues"]
        return next((needed(one, "key") for one in found), None)

    def field(self, key: str, name: str) -> Any:
        """Return one field of an issue as it is now."""
        found = self.caller.read(f"/issue/{key}", params={"fields": name}).object()
        return found["fields"].get(name)

    # --- what hangs on an issue -----------------------------------------------------------------
    def comment(self, key: str, text: str) -> str:
        body = {"body": self.flavor.document(text)}
        return needed(self.caller.write(f"/issue/{key}/comment", json=body).object(), "id")

    def comment_with(self, key: str, mark: str) -> str | None:
        """Return the id of a comment in which the mark stands, or None."""
        params: dict[str, str | int] = {"orderBy": "-created", "maxResults": MOST_ROWS}
        found = self.caller.read(f"/issue/{key}/comment", params=params).object()
        for one in found["comments"]:
            if mark in json.dumps(one.get("body")).replace("\\", ""):  # as written, unescaped
                return needed(one, "id")
        return None

    def move(self, key: str, status: str) -> str:
        """Bring the issue into a status by whichever transition leads there; return what was done.

        Transitions differ by workflow and by state, so they are looked up by name each time.
        """
        now = str((self.field(key, "status") or {}).get("name", ""))
        if now.lower() == status.lower():
            return f"It is “{now}” already."
        found = self.caller.read(f"/issue/{key}/transitions").object()["transitions"]
        for one in found:
            names = {str(one.get("name")).lower(), str((one.get("to") or {}).get("name")).lower()}
            if status.lower() in names:
                body = {"transition": {"id": str(one["id"])}}
                self.caller.write(f"/issue/{key}/transitions", json=body)
                return f"Moved from “{now}” to “{status}”."
        names_there = ", ".join(f"“{one.get('name')}”" for one in found) or "none"
        raise refuse(f"No transition leads from “{now}” to “{status}”. There are: {names_there}.")

    def link(self, key: str, other: str) -> str:
        """Link two issues, unless they are; return what was done."""
        for one in self.field(key, "issuelinks") or ():
            ends = (one.get("inwardIssue") or {}, one.get("outwardIssue") or {})
            if other in {end.get("key") for end in ends}:
                return f"It is linked to {other} already."
        ends_of = {"inwardIssue": {"key": key}, "outwardIssue": {"key": other}}
        self.caller.write("/issueLink", json={"type": {"name": "Relates"}, **ends_of})
        return f"Linked to {other}."

    def point(self, key: str, global_id: str, url: str, title: str) -> None:
        """Hang an address on the issue; once, however often it is said."""
        told = {"globalId": global_id, "object": {"url": url, "title": title}}
        self.caller.write(f"/issue/{key}/remotelink", json=told)

    def attach(self, key: str, name: str, file: IO[bytes]) -> None:
        self.caller.write(
            f"/issue/{key}/attachments",
            files={"file": (name, file, "application/zip")},
            headers={"X-Atlassian-Token": "no-check"},
        )

    def has_attachment(self, key: str, name: str) -> bool:
        return name in {one.get("filename") for one in self.field(key, "attachment") or ()}


def _authorization() -> str:
    """Return what opens Jira: a token of its own, or a name with a token for its password."""
    if not settings.JIRA_USER:
        return f"Bearer {settings.JIRA_TOKEN}"
    pair = f"{settings.JIRA_USER}:{settings.JIRA_TOKEN}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"
