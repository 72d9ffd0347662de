"""Tells what a file is by its content; what its sender called it counts for nothing."""

import re
from pathlib import PurePath
from typing import Final

BINARY: Final = "application/octet-stream"
TEXT: Final = "text/plain"
PDF: Final = "application/pdf"
HEAD: Final = 4096
"""How many bytes from the beginning decide."""

# The few that a browser may be asked to draw. A dependency would tell hundreds apart that are all
# treated alike, and guess at markup; these are complete signatures at the first byte.
SIGNATURES: Final = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    PDF: re.compile(rb"%PDF-\d"),
    "application/zip": re.compile(rb"PK(\x03\x04|\x05\x06|\x07\x08)"),
    "application/gzip": re.compile(rb"\x1f\x8b"),
}
IMAGES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
SHOWN: Final = IMAGES | {TEXT, PDF}
"""What the portal shows; everything else, SVG and HTML above all, is a download and no more."""

MARKUP: Final = {
    "image/svg+xml": re.compile(rb"<svg\b", re.IGNORECASE),
    "text/html": re.compile(rb"<(!doctype\s+html|html|head|body|script|iframe|p|a|div)\b", re.I),
    "application/xml": re.compile(rb"\A\s*<"),
}
CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")

WORDS: Final = {
    "image/png": "PNG image",
    "image/jpeg": "JPEG image",
    "image/gif": "GIF image",
    "image/webp": "WebP image",
    PDF: "PDF",
    TEXT: "Text",
    "image/svg+xml": "SVG, or text with SVG in it",
    "text/html": "HTML, or text with HTML in it",
    "application/xml": "XML",
    "application/zip": "ZIP archive, or a document made of one",
    "application/gzip": "gzip archive",
    BINARY: "Some other kind of file",
}
PROMISED: Final = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".pdf": PDF,
    ".txt": TEXT,
    ".log": TEXT,
}


def content_type(head: bytes) -> str:
    """Return the media type of a file that begins with these bytes (`HEAD` of them suffice)."""
    head = head[:HEAD]
    for name, signature in SIGNATURES.items():
        if signature.match(head):
            return name
    if not _is_text(head):
        return BINARY
    return next((name for name, mark in MARKUP.items() if mark.search(head)), TEXT)


def _is_text(head: bytes) -> bool:
    """Whether it is UTF-8 without control characters; a character may be cut off at the end."""
    if CONTROL.search(head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.end == len(head) == HEAD and error.reason == "unexpected end of data"
    return True


def broken_promise(file_name: str, kind: str) -> str:
    """Return what the name promised where the content is something else, in words, or nothing."""
    promised = PROMISED.get(PurePath(file_name).suffix.lower())
    return WORDS[promised] if promised and kind and promised != kind else ""
