"""Small servers that stand in for PagerDuty, Jira and a webhook's receiver, and misbehave."""

import contextlib
import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from email.message import Message as Headers
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import trustme

JSON = "application/json"
FAULTS = ("429", "503", "500 after", "cut before", "cut after", "half", "hang before", "hang after",
          "null after")  # fmt: skip
"""What a server can do instead of answering; `after` and `half`: once it has done as asked.

`null` is an answer of success in which nothing stands that was asked for.
"""

Done = tuple[int, Any]


class Server:
    """Keeps books of what it was asked and did; `faults` are what the next requests meet, in turn.

    `answer` is given method, path, headers and body and returns status and what to say.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.faults: list[str] = []
        self.patience = threading.Event()
        self.wait = "7"
        self.port = 0
        self.scheme = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def answer(self, method: str, path: str, headers: Headers, body: bytes) -> Done:
        raise NotImplementedError

    def too_many(self) -> dict[str, str]:
        return {"Retry-After": self.wait}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def _handle(self) -> None:
        server: Server = self.server.stands_in
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server.asked.append((self.command, self.path))
        fault = server.faults.pop(0) if server.faults else ""
        if fault == "429":
            return self._say(429, {"error": "Too many"}, server.too_many())
        if fault == "503":
            return self._say(503, {"error": "Not now"}, {})
        if fault == "cut before":
            return self._cut()
        if fault == "hang before":
            server.patience.wait(5)
            return self._cut()
        status, said = server.answer(self.command, self.path, self.headers, body)
        if fault == "500 after":
            return self._say(500, {"error": "Something broke"}, {})
        if fault == "hang after":
            server.patience.wait(5)
        if fault in ("cut after", "hang after"):
            return self._cut()
        if fault == "null after" and isinstance(said, dict):
            said = {name: name == "ok" or None for name in said}
        return self._say(status, said, {}, half=fault == "half")

    do_GET = do_POST = do_PUT = _handle  # noqa: N815

    def _say(self, status: int, said: Any, headers: dict[str, str], *, half: bool = False) -> None:
        data = b"" if said is None else json.dumps(said).encode()
        with contextlib.suppress(OSError):
            self.send_response(status)
            for name, value in {"Content-Type": JSON, **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data) + (10 if half else 0)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if half else data)
        if half:
            self._cut()

    def _cut(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.close()

    def log_message(self, *_words: Any) -> None:
        pass


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextlib.contextmanager
def running(server: Any, authority: trustme.CA | None = None) -> Iterator[Any]:
    """Yield the server, which answers on a free port until the block ends; over TLS with a CA."""
    listener = _Quiet(("127.0.0.1", 0), _Handler)
    listener.stands_in = server  # type: ignore[attr-defined]
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        listener.socket = context.wrap_socket(listener.socket, server_side=True)
        server.scheme = "https"
    server.port = listener.server_address[1]
    thread = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.patience.set()
        listener.shutdown()
        thread.join()
        listener.server_close()


# --- the systems --------------------------------------------------------------------------------
Route = tuple[str, str, Callable[..., Done]]


class Routed(Server):
    """Finds who answers by method and pattern of the path."""

    def routes(self) -> list[Route]:
        raise NotImplementedError

    def answer(self, method: str, path: str, headers: Headers, body: bytes) -> Done:
        where = path.partition("?")[0]
        for verb, pattern, act in self.routes():
            found = re.fullmatch(pattern, where)
            if verb == method and found:
                said = json.loads(body) if headers.get("Content-Type", "").startswith(JSON) else {}
                return act(*found.groups(), said or {"raw": body, "headers": headers})
        return 404, {"error": f"Nothing is at {where}."}


class PagerDutyServer(Routed):
    """Incidents with notes, in memory."""

    def __init__(self, *incidents: str) -> None:
        super().__init__()
        self.notes: dict[str, list[str]] = {key: [] for key in incidents}
        self.status = dict.fromkeys(incidents, "triggered")
        self.log: list[tuple[str, str]] = []

    def too_many(self) -> dict[str, str]:
        return {"ratelimit-limit": "960", "ratelimit-remaining": "0", "ratelimit-reset": self.wait}

    def routes(self) -> list[Route]:
        incident = r"/incidents/(\w+)"
        return [
            ("GET", rf"{incident}/notes", self.list_notes),
            ("POST", rf"{incident}/notes", self.add_note),
            ("GET", incident, self.show),
            ("PUT", incident, self.change),
            ("GET", "/users", lambda _said: (200, {"users": [{"email": "Portal@example.test"}]})),
        ]

    def list_notes(self, key: str, _said: Any) -> Done:
        if key not in self.notes:
            return 404, {"error": {"message": "Incident Not Found", "code": 2100}}
        notes = [{"id": f"N{i}", "content": text} for i, text in enumerate(self.notes[key])]
        return 200, {"notes": notes}

    def add_note(self, key: str, said: Any) -> Done:
        if key not in self.notes:
            return 404, {"error": {"message": "Incident Not Found", "code": 2100}}
        self.notes[key].append(said["note"]["content"])
        self.log.append(("note", key))
        number = len(self.notes[key]) - 1
        return 200, {"note": {"id": f"N{number}", "content": said["note"]["content"]}}

    def show(self, key: str, _said: Any) -> Done:
        return 200, {"incident": {"id": key, "status": self.status[key]}}

    def change(self, key: str, said: Any) -> Done:
        self.status[key] = said["incident"]["status"]
        self.log.append((self.status[key], key))
        return 200, {"incident": {"id": key, "status": self.status[key]}}


class JiraServer(Routed):
    """One project, in memory; ADF is demanded of version 3 and text of version 2."""

    TYPES = ("Task", "Emergency Change")
    WAYS = {"To Do": ["In Progress", "Done"], "In Progress": ["Done", "To Do"], "Done": []}

    def __init__(self, version: str = "3") -> None:
        super().__init__()
        self.version = version
        self.issues: dict[str, dict[str, Any]] = {}
        self.largest = 10**9

    def routes(self) -> list[Route]:
        base = f"/rest/api/{self.version}"
        issue = rf"{base}/issue/(OPS-\d+)"
        return [
            ("GET", f"{base}/myself", lambda _s: (200, {"displayName": "Portal"})),
            ("GET", f"{base}/issue/createmeta/OPS/issuetypes", self.types),
            ("POST", f"{base}/issue", self.create),
            ("POST", f"{base}/search{'/jql' * (self.version == '3')}", self.search),
            ("GET", issue, self.show),
            ("GET", f"{issue}/comment", lambda k, _s: (200, {"comments": self.issues[k]["said"]})),
            ("POST", f"{issue}/comment", self.comment),
            ("GET", f"{issue}/transitions", self.ways),
            ("POST", f"{issue}/transitions", self.move),
            ("POST", f"{base}/issueLink", self.link),
            ("POST", f"{issue}/remotelink", self.point),
            ("POST", f"{issue}/attachments", self.attach),
        ]

    def types(self, _said: Any) -> Done:
        kinds = [{"id": str(10_000 + n), "name": name} for n, name in enumerate(self.TYPES)]
        return 200, {"issueTypes" if self.version == "3" else "values": kinds}

    def _wrong(self, document: Any) -> Done | None:
        right = isinstance(document, str) if self.version == "2" else (
            isinstance(document, dict) and document.get("type") == "doc"
        )  # fmt: skip
        return None if right else (400, {"errors": {"comment": "Operation value must be a text."}})

    def create(self, said: Any) -> Done:
        fields = said["fields"]
        if wrong := self._wrong(fields["description"]):
            return wrong
        if fields["issuetype"] != {"id": "10001"} or any(" " in one for one in fields["labels"]):
            return 400, {"errors": {"issuetype": "Specify a valid issue type"}}
        key = f"OPS-{len(self.issues) + 1}"
        own = {"said": [], "points": {}, "links": [], "files": {}, "status": "To Do", "moves": []}
        self.issues[key] = {"fields": fields, **own}
        return 201, {"id": key, "key": key}

    def search(self, said: Any) -> Done:
        label = re.search(r'labels = "([^"]+)"', said["jql"])
        assert label
        found = [k for k, one in self.issues.items() if label[1] in one["fields"]["labels"]]
        return 200, {"issues": [{"key": key} for key in found]}

    def show(self, key: str, _said: Any) -> Done:
        one = self.issues[key]
        links = [{"outwardIssue": {"key": other}} for other in one["links"]]
        files = [{"filename": name} for name in one["files"]]
        fields = {"status": {"name": one["status"]}, "issuelinks": links, "attachment": files}
        return 200, {"key": key, "fields": fields}

    def comment(self, key: str, said: Any) -> Done:
        if key not in self.issues:
            return 404, {"errorMessages": ["Issue does not exist"]}
        if wrong := self._wrong(said["body"]):
            return wrong
        self.issues[key]["said"].append({"id": str(len(self.issues[key]["said"])), **said})
        return 201, self.issues[key]["said"][-1]

    def ways(self, key: str, _said: Any) -> Done:
        there = self.WAYS[self.issues[key]["status"]]
        return 200, {"transitions": [{"id": to, "name": f"→ {to}", "to": {"name": to}}
                                     for to in there]}  # fmt: skip

    def move(self, key: str, said: Any) -> Done:
        to = said["transition"]["id"]
        if to not in self.WAYS[self.issues[key]["status"]]:
            return 400, {"errorMessages": ["It seems that you have tried an illegal operation"]}
        self.issues[key]["status"] = to
        self.issues[key]["moves"].append(to)
        return 204, None

    def link(self, said: Any) -> Done:
        self.issues[said["inwardIssue"]["key"]]["links"].append(said["outwardIssue"]["key"])
        return 201, None

    def point(self, key: str, said: Any) -> Done:
        self.issues[key]["points"][said["globalId"]] = said["object"]["url"]
        return 201, {"id": 1}

    def attach(self, key: str, said: Any) -> Done:
        if said["headers"].get("X-Atlassian-Token") != "no-check":
            return 403, {"errorMessages": ["XSRF check failed"]}
        if len(said["raw"]) > self.largest:
            return 413, {"errorMessages": ["The file is too large"]}
        name = re.search(rb'filename="([^"]+)"', said["raw"])
        assert name
        files = self.issues[key]["files"]
        files[name[1].decode()] = files.get(name[1].decode(), 0) + 1
        return 200, [{"id": "1"}]


class Receiver(Server):
    """Takes webhooks, as their specification says: by their id once."""

    def __init__(self) -> None:
        super().__init__()
        self.took: list[tuple[Headers, bytes]] = []

    @property
    def by_id(self) -> dict[str, bytes]:
        return {str(headers["webhook-id"]): body for headers, body in self.took}

    def answer(self, method: str, path: str, headers: Headers, body: bytes) -> Done:
        self.took.append((headers, body))
        return 200, {}


class SlackServer(Server):
    """One workspace with channels, messages, people and dialogs, in memory.

    It says no by HTTP 200, as Slack does; `says_no` is the error of the next requests by method.
    """

    def __init__(self, *channels: str) -> None:
        super().__init__()
        self.messages: dict[str, list[dict[str, Any]]] = {channel: [] for channel in channels}
        self.people: dict[str, str] = {}
        self.whispers: list[dict[str, Any]] = []
        self.views: list[dict[str, Any]] = []
        self.says_no: dict[str, str] = {}

    def meets(self, user: str, email: str) -> None:
        self.people[user] = email

    def named(self, method: str) -> int:
        """Return how often the method was asked for."""
        return sum(path.partition("?")[0] == f"/{method}" for _verb, path in self.asked)

    def thread(self, channel: str) -> list[dict[str, Any]]:
        """Return what is said in threads of the channel, in order."""
        return [one for one in self.messages[channel] if one.get("thread_ts")]

    def answer(self, method: str, path: str, headers: Headers, body: bytes) -> Done:
        where, _mark, query = path.partition("?")
        name = where.removeprefix("/")
        if headers.get("Content-Type", "").startswith(JSON):
            told = json.loads(body or b"{}")
        else:
            told = dict(parse_qsl(query or body.decode()))
        if headers.get("Authorization") != "Bearer xoxb-1":
            return 200, {"ok": False, "error": "invalid_auth"}
        if name in self.says_no:
            return 200, {"ok": False, "error": self.says_no[name]}
        found = getattr(self, name.replace(".", "_"))(told)
        return 200, {"ok": False, "error": found} if isinstance(found, str) else (
            {"ok": True, **found}
        )  # fmt: skip

    def auth_test(self, _told: Any) -> Any:
        return {"team": "Acme", "user": "ecportal", "team_id": "T1"}

    def conversations_info(self, told: Any) -> Any:
        if told["channel"] not in self.messages:
            return "channel_not_found"
        return {"channel": {"name": "incidents", "is_member": True}}

    def chat_postMessage(self, told: Any) -> Any:  # noqa: N802
        if told["channel"] not in self.messages:
            return "channel_not_found"
        number = sum(map(len, self.messages.values()))
        message = {**told, "ts": f"{int(time.time())}.{number:06}"}
        self.messages[told["channel"]].append(message)
        return {"channel": told["channel"], "ts": message["ts"], "message": message}

    def chat_update(self, told: Any) -> Any:
        for message in self.messages[told["channel"]]:
            if message["ts"] == told["ts"]:
                message.update(text=told["text"], blocks=told["blocks"])
                return {"ts": told["ts"]}
        return "message_not_found"

    def chat_getPermalink(self, told: Any) -> Any:  # noqa: N802
        ts = told["message_ts"].replace(".", "")
        return {"permalink": f"https://acme.slack.test/archives/{told['channel']}/p{ts}"}

    def chat_postEphemeral(self, told: Any) -> Any:  # noqa: N802
        self.whispers.append(told)
        return {"message_ts": "1"}

    def conversations_history(self, told: Any) -> Any:
        rows = [one for one in self.messages[told["channel"]] if not one.get("thread_ts")]
        return {"messages": [one for one in rows if one["ts"] > told["oldest"]]}

    def conversations_replies(self, told: Any) -> Any:
        rows = self.messages[told["channel"]]
        return {"messages": [o for o in rows if told["ts"] in (o["ts"], o.get("thread_ts"))]}

    def users_info(self, told: Any) -> Any:
        user = told["user"]
        if user not in self.people:
            return "user_not_found"
        return {"user": {"id": user, "team_id": "T1", "profile": {"email": self.people[user]}}}

    def users_lookupByEmail(self, told: Any) -> Any:  # noqa: N802
        for user, email in self.people.items():
            if email == told["email"]:
                return {"user": {"id": user, "team_id": "T1"}}
        return "users_not_found"

    def views_open(self, told: Any) -> Any:
        self.views.append(told["view"])
        return {"view": {"id": "V1"}}
