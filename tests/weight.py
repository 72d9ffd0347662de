"""What a page weighs on its first visit: itself and all that it loads, compressed as it is sent."""

import gzip
import re
from functools import cache
from os.path import normpath
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders

LOADED = re.compile(r'(?:href|src)="/?([^"#?]+\.(?:css|js|svg))')
NAMED = re.compile(r"url\([\"']?([^\"')]+)[\"']?\)")
PACKED = {".woff2", ".png", ".jpg"}  # compressed already


def weight(html: str) -> int:
    """Return the bytes that a browser fetches for this page, pictures that people took apart."""
    prefix = settings.STATIC_URL.lstrip("/")
    names = {name.removeprefix(prefix) for name in LOADED.findall(html) if prefix in name}
    return len(gzip.compress(html.encode())) + sum(_weight(name) for name in _with_all(names))


def _with_all(names: set[str]) -> set[str]:
    """Return the files, and those that their style sheets name."""
    return names.union(*(_named(name) for name in names)) if names else names


@cache
def _named(name: str) -> frozenset[str]:
    if not name.endswith(".css"):
        return frozenset()
    text = _path(name).read_text(encoding="utf-8")
    near = {Path(name).parent / one for one in NAMED.findall(text) if ":" not in one}
    more = {normpath(one).split("#")[0] for one in near}
    return frozenset(more.union(*(_named(one) for one in more)) if more else more)


@cache
def _weight(name: str) -> int:
    content = _path(name).read_bytes()
    return len(content) if Path(name).suffix in PACKED else len(gzip.compress(content))


def _path(name: str) -> Path:
    found = finders.find(name)
    assert found, f"{name} is loaded by a page, and there is no such file."
    return Path(str(found))
