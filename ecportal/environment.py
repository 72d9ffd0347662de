"""Environment variables: the only way the portal differs from one installation to another.

`ECPORTAL_ENV` is `production` (the default), `demo` or `test`. In production a variable that is
required and missing, or malformed, stops the start with a sentence that names it. The demo and the
tests have local defaults. A checkout in which `make run` was used once is a demo for `manage.py`
too, as long as nothing in the environment says otherwise.
"""

import base64
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Mapping
from email.utils import parseaddr
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
import holidays
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

PRODUCTION, DEMO, TEST = "production", "demo", "test"
DATABASE_SCHEMES: Final = {"sqlite", "postgres", "postgresql"}
EMAIL_SCHEMES: Final = {"smtp", "smtps", "smtp+tls", "smtp+ssl", "filemail", "memorymail"}
REDIS_SCHEMES: Final = {"redis", "rediss", "unix"}
FILESYSTEM_BROKER: Final = "filesystem://"
LONGEST_ENDPOINT: Final = 254
CHANGE_STATUSES: Final = ("submitted", "approved", "implementing", "implemented", "verified",
                          "documented", "closed", "rejected", "cancelled", "draft")  # fmt: skip
TOLD_FIELDS: Final = ("number", "scope", "risk", "risk_assessment", "rollback_plan", "systems",
                      "requester", "incident", "determination", "link")  # fmt: skip
SLACK_ID: Final = re.compile(r"[CG][A-Z0-9]{6,20}")
JIRA_KINDS: Final = ("", "option", "paragraph")
HOST_NAME: Final = re.compile(r"\.?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\]")
PLACEHOLDERS: Final = {"secret", "changeme", "change-me", "secret-key"}

Value = TypeVar("Value")


class Environment:
    """Reads one installation's variables and remembers which were asked for."""

    def __init__(self, values: Mapping[str, str], home: Path) -> None:
        self.values = values
        self.home = home
        self.asked: list[str] = []
        self.mode = self.one_of("ECPORTAL_ENV", (PRODUCTION, DEMO, TEST), self._presumed_mode())

    def _presumed_mode(self) -> str:
        spoken_for = any(self.values.get(name) for name in ("SECRET_KEY", "DATABASE_URL"))
        return DEMO if not spoken_for and (self.home / "demo").exists() else PRODUCTION

    @property
    def in_production(self) -> bool:
        return self.mode == PRODUCTION

    def read(self, name: str, parse: Callable[[str], Value], *, local: str | None) -> Value:
        """Return the parsed variable; `local` stands in outside production, None means required."""
        default = None if self.in_production else local
        return self.optional(name, parse, default)

    def optional(self, name: str, parse: Callable[[str], Value], default: str | None) -> Value:
        """Return the parsed variable, or the parsed default where it is unset or blank."""
        self.asked.append(name)
        text = self.values.get(name, "").strip() or default
        if text is None:
            raise ImproperlyConfigured(
                f"{name} is not set. Set it (the README lists every variable), "
                "or use `make run` for a demo."
            )
        try:
            return parse(text)
        except (ValueError, KeyError) as error:
            raise ImproperlyConfigured(f"{name} is malformed: {error}") from error

    def one_of(self, name: str, choices: tuple[str, ...], default: str) -> str:
        def parse(text: str) -> str:
            if text not in choices:
                raise ValueError(f"{text!r} is none of {', '.join(choices)}.")
            return text

        return self.optional(name, parse, default)

    def beside(self, name: str, parse: Callable[[str], Value], *others: str) -> Value:
        """Return the parsed variable, which must be set where one of the others is."""
        given = [other for other in others if self.values.get(other, "").strip()]
        if given and not self.values.get(name, "").strip():
            raise ImproperlyConfigured(
                f"{name} is not set, but {given[0]} is. Set both, or neither."
            )
        return self.optional(name, parse, "")

    def kept(self, name: str, length: int = 50, *, as_hex: bool = False) -> str:
        """Return the secret kept in `home`/`name`, made once; for the demo and the tests."""
        path = self.home / name
        try:
            return path.read_text().strip()
        except FileNotFoundError:
            pass
        self.home.mkdir(parents=True, exist_ok=True)
        value = secrets.token_hex(length) if as_hex else secrets.token_urlsafe(length)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(value)
        return value


def boolean(text: str) -> bool:
    try:
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[
            text.lower()
        ]
    except KeyError:
        raise ValueError(f"{text!r} is neither true nor false.") from None


def secret_key(text: str) -> str:
    if len(text) < 32 or len(set(text)) < 5 or text.lower() in PLACEHOLDERS:
        raise ValueError("it needs at least 32 random characters.")
    return text


def mac_keys(text: str) -> dict[str, bytes]:
    """Return the keys by name, the current one first: "k2:<hex>,k1:<hex>", or one bare "<hex>"."""
    keys = {}
    for part in text.split(","):
        name, colon, digits = part.strip().rpartition(":")
        try:
            key = bytes.fromhex(digits)
        except ValueError:
            key = b""
        if len(key) < 32 or (colon and not name.isalnum()):
            raise ValueError("each key is 64 or more hexadecimal digits, such as k1:0f3a….")
        keys[name or "k1"] = key
    return keys


def verifier_keys(text: str) -> tuple[str, ...]:
    """Return the public keys of the trail, "name+id+key" each, separated by commas; or none."""
    keys = tuple(part.strip() for part in text.split(",") if part.strip())
    for key in keys:
        name, _plus, rest = key.partition("+")
        given, _plus, encoded = rest.partition("+")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except ValueError:
            raw = b""
        made = hashlib.sha256(name.encode() + b"\n" + raw).hexdigest()[:8]
        if not name or " " in name or len(raw) != 33 or raw[0] != 1 or given != made:
            raise ValueError(f"{key!r} is none of the lines that `manage.py audit_keygen` prints.")
    return keys


def shared_secrets(text: str) -> tuple[str, ...]:
    """Return the secrets in a list separated by commas, each of which is good; or none."""
    found = tuple(part.strip() for part in text.split(","))
    if text and not (all(found) and all(part.isprintable() for part in found)):
        raise ValueError("it must be one secret, or several separated by commas.")
    return tuple(part for part in found if part)


def addresses(text: str) -> tuple[str, ...]:
    """Return the mail addresses in a list separated by commas; or none."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    for address in found:
        try:
            validate_email(address)
        except ValidationError:
            raise ValueError(f"{address!r} is no mail address.") from None
    return found


def names(text: str) -> tuple[str, ...]:
    """Return the names in a list separated by commas, in lower case; at least one."""
    found = tuple(part.strip().casefold() for part in text.split(",") if part.strip())
    if not found:
        raise ValueError("it takes names separated by commas.")
    return found


def host_names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or not all(HOST_NAME.fullmatch(name) for name in names):
        raise ValueError(
            "it takes host names separated by commas, without scheme, port, path or '*'."
        )
    return names


def sender(text: str) -> str:
    _name, address = parseaddr(text)
    try:
        validate_email(address)
    except ValidationError:
        raise ValueError("it must be like ecportal <ecportal@example.com>.") from None
    return text


def sender_at(host: str) -> str:
    """Return the portal's address at this host, or at localhost where mail knows no such host."""
    try:
        return sender(f"ecportal <ecportal@{host.lstrip('.')}>")
    except ValueError:
        return "ecportal <ecportal@localhost>"


def time_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{text!r} is no time zone such as Europe/Berlin.") from None
    return text


def country(text: str) -> str:
    if text not in holidays.list_supported_countries():
        raise ValueError(f"{text!r} is no country code with known holidays, such as DE or US.")
    return text


def subdivision_of(country_code: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text and text not in holidays.list_supported_countries()[country_code]:
            raise ValueError(f"{text!r} is no subdivision of {country_code}.")
        return text

    return parse


def _url(text: str, schemes: set[str]) -> str:
    parts = urlsplit(text)
    if parts.scheme not in schemes:
        raise ValueError(f"it must be a URL that begins with one of {', '.join(sorted(schemes))}.")
    try:
        parts.port  # noqa: B018 - urlsplit checks the port only when asked for it
    except ValueError:
        raise ValueError("its port is not a number between 0 and 65535.") from None
    return text


def database(text: str) -> dict[str, object]:
    config = environ.Env.db_url_config(_url(text, DATABASE_SCHEMES))
    if not config.get("NAME"):
        raise ValueError("it names no database.")
    return dict(config)


def email(text: str) -> dict[str, object]:
    parts = urlsplit(_url(text, EMAIL_SCHEMES))
    if parts.scheme.startswith("smtp") and not parts.hostname:
        raise ValueError("it names no mail server.")
    config = dict(environ.Env.email_url_config(text))
    if config["EMAIL_BACKEND"] == "django.core.mail.backends.smtp.EmailBackend":
        config["EMAIL_BACKEND"] = "ecportal.outbox.smtp.EmailBackend"  # keeps the server's answers
    return config


def thread_address(text: str) -> str:
    """Return the address with {thread} in the place of what a mail is about, or nothing."""
    if text:
        try:
            validate_email(text.replace("{thread}", "EC-2026-0001"))
        except ValidationError:
            raise ValueError("it must be like changes+{thread}@example.com.") from None
        if "{thread}" not in text.rpartition("@")[0]:
            raise ValueError("it must have {thread} before the @.")
    return text


def redis(text: str) -> str:
    if text == FILESYSTEM_BROKER:
        return text
    parts = urlsplit(_url(text, REDIS_SCHEMES))
    if not (parts.hostname or parts.path):
        raise ValueError("it names no server.")
    # Celery's name for a Unix socket differs from redis-py's.
    return text.replace("unix://", "redis+socket://", 1)


def web_address(text: str) -> str:
    if not urlsplit(_url(text, {"http", "https"})).hostname:
        raise ValueError("it names no host.")
    return text.rstrip("/")


def web_address_if_any(text: str) -> str:
    return web_address(text) if text else ""


def secure_address_if_any(text: str) -> str:
    """Return the address of another system, to which a secret is sent; or nothing."""
    if not text:
        return ""
    parts = urlsplit(_url(text, {"https"}))
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("it must be like https://example.com, without name, password and query.")
    return text.rstrip("/")


def one_word(text: str) -> str:
    """Return a key, token or name without blanks; or nothing."""
    if not text.isascii() or any(c.isspace() or not c.isprintable() for c in text):
        raise ValueError("it must be one word of plain characters.")
    return text


def address_if_any(text: str) -> str:
    return (addresses(text) or ("",))[0]


def pairs(text: str) -> dict[str, str]:
    """Return what stands for what, such as "approved=In Progress,closed=Done"; or nothing."""
    found: dict[str, str] = {}
    for part in filter(str.strip, text.split(",")):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (name and equals and value) or name in found:
            raise ValueError("it must be like name=value,other=value, each name once.")
        found[name] = value
    return found


def slack_channel(text: str) -> str:
    """Return the identifier of a channel of Slack, which a new name does not change; or nothing."""
    if text and not SLACK_ID.fullmatch(text):
        raise ValueError(f"{text!r} is no identifier of a channel, such as C0123456789.")
    return text


def slack_channels(text: str) -> dict[int, str]:
    """Return the channel by severity, such as "1=C0123456789,2=C0123456788"; or nothing."""
    found = pairs(text)
    if unknown := found.keys() - {"1", "2", "3", "4"}:
        raise ValueError(f"{min(unknown)!r} is no severity from 1 to 4.")
    return {int(severity): slack_channel(channel) for severity, channel in found.items()}


def jira_statuses(text: str) -> dict[str, str]:
    """Return the other side's status by ours; or nothing."""
    found = pairs(text)
    if unknown := found.keys() - set(CHANGE_STATUSES):
        raise ValueError(f"{min(unknown)!r} is none of {', '.join(CHANGE_STATUSES)}.")
    return found


def jira_fields(text: str) -> dict[str, tuple[str, str]]:
    """Return by field of Jira how it takes a value, and which of ours stands in it; or nothing."""
    found = {}
    for field, value in pairs(text).items():
        kind, _colon, name = value.rpartition(":")
        if kind not in JIRA_KINDS or name not in TOLD_FIELDS:
            raise ValueError(
                f"{value!r} is none of {', '.join(TOLD_FIELDS)}, with option: or paragraph: before "
                "it where the field wants that."
            )
        found[field] = (kind, name)
    return found


def endpoints(*, plain: bool) -> Callable[[str], dict[str, str]]:
    """Return a parser of "https://a.example.com/hook whsec_…, …": the secret of each address.

    `plain` lets addresses be http, for the tests alone.
    """
    schemes = {"https", "http"} if plain else {"https"}

    def parse(text: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for part in filter(str.strip, text.split(",")):
            address, _space, secret = part.strip().partition(" ")
            parts = urlsplit(_url(address, schemes))
            if not parts.hostname or parts.username or parts.query or parts.fragment:
                raise ValueError("an address is like https://example.com/hook, and no more.")
            if len(address) > LONGEST_ENDPOINT or address in found:
                raise ValueError(f"each address stands once, with {LONGEST_ENDPOINT} characters.")
            try:
                key = base64.b64decode(secret.strip().removeprefix("whsec_"), validate=True)
            except ValueError:
                key = b""
            if not secret.strip().startswith("whsec_") or not 24 <= len(key) <= 64:
                raise ValueError("after each address stands its secret: whsec_ and base64.")
            found[address] = secret.strip()
        return found

    return parse


def days(text: str) -> int:
    """Return a number of days, at most a century."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= 36525):
        raise ValueError("it must be a whole number of days from 0 to 36525.")
    return int(text)
