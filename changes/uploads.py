"""Takes files in up to the limit of evidence and no further, whatever is sent."""

from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

HOPELESS = 256 * 1024 * 1024
"""A request that declares this many bytes beyond the limit is refused without being read."""


class BoundedUpload(FileUploadHandler):
    """Stops storing a file at the limit, but reads on, so that what was typed beside it is kept.

    Stands first among the handlers. The form sees a file of the size that was sent, without its
    content, and refuses it with a sentence.
    """

    received = 0

    def handle_raw_input(
        self,
        input_data: Any,
        META: dict[str, str],  # noqa: N803 - Django's name
        content_length: int,
        boundary: Any,
        encoding: str | None = None,
    ) -> None:
        if content_length > settings.EVIDENCE_MAX_BYTES + HOPELESS:
            raise RequestDataTooBig("What was sent is far larger than what can be attached.")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        self.received = start + len(raw_data)
        return raw_data if self.received <= settings.EVIDENCE_MAX_BYTES else None

    def file_complete(self, file_size: int) -> Any:
        if file_size <= settings.EVIDENCE_MAX_BYTES:
            return None
        return UploadedFile(BytesIO(), self.file_name, self.content_type, file_size)
