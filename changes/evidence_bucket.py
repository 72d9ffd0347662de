"""Keeps each content once, under its digest, in an S3 bucket, locked against deletion."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage

from changes.evidence_store import require_same_size
from ecportal import clock

SPOOLED = 2 * 1024 * 1024
"""Bytes of a file on its way out of S3 that are held in memory; the rest waits on disk."""


class EvidenceBucket(S3Storage):  # type: ignore[misc]
    """A bucket with object lock; each object is locked in governance mode for `retention_days`.

    The portal's credentials must not hold s3:BypassGovernanceRetention: then neither the portal
    nor who breaks into it can delete, and the bucket's owner still can when the law demands it.
    """

    retention_days: int

    def get_default_settings(self) -> dict[str, Any]:
        config = Config(connect_timeout=5, read_timeout=60, retries={"max_attempts": 2})
        return {
            **super().get_default_settings(),
            "retention_days": 0,
            "client_config": config,
            "max_memory_size": SPOOLED,
        }

    def _lock(self, mode: str, until: str) -> dict[str, Any]:
        if not self.retention_days:
            return {}
        return {mode: "GOVERNANCE", until: clock.now() + timedelta(days=self.retention_days)}

    def _save(self, name: str, content: Any) -> str:
        with _told_in_words():
            if self.exists(name):
                require_same_size(name, self.size(name), content.size)
                self._lock_anew(name)
                return name
            content.seek(0)
            try:
                self.connection.meta.client.put_object(
                    Bucket=self.bucket_name,
                    Key=self._normalize_name(name),
                    Body=content,
                    ContentType="application/octet-stream",
                    IfNoneMatch="*",
                    **self._lock("ObjectLockMode", "ObjectLockRetainUntilDate"),
                )
            except ClientError as error:
                if not _was_there_first(error):
                    raise
        return name

    def _lock_anew(self, name: str) -> None:
        """Keep what is attached a second time as long as what is attached for the first time.

        A lock that lasts longer stays: to shorten it takes the permission that the portal must
        not hold.
        """
        lock = self._lock("Mode", "RetainUntilDate")
        if not lock:
            return
        client = self.connection.meta.client
        there = {"Bucket": self.bucket_name, "Key": self._normalize_name(name)}
        until = client.head_object(**there).get("ObjectLockRetainUntilDate")
        if until is None or until < lock["RetainUntilDate"]:
            client.put_object_retention(**there, Retention=lock)

    def _open(self, name: str, mode: str = "rb") -> Any:
        with _told_in_words():
            opened = super()._open(name, mode)
            opened.file  # noqa: B018 - S3 is asked for the content only now
        return opened

    def delete(self, name: str) -> None:
        """Delete every version of the object, or raise PermissionError while it is locked.

        A plain delete would only hide the object under a marker and seem to have worked.
        """
        key = self._normalize_name(name)
        for version in self.bucket.object_versions.filter(Prefix=key):
            if version.object_key == key:
                try:
                    version.delete()
                except ClientError as error:
                    raise PermissionError(f"{name} is locked: {error}") from error


def _was_there_first(error: ClientError) -> bool:
    """Whether somebody else stored the same bytes at the same moment."""
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in (409, 412)


@contextmanager
def _told_in_words() -> Iterator[None]:
    """Turn what S3 or the way to it answers into the error that a folder would give."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise OSError(f"The evidence store did not answer as expected: {error}") from error
