"""The packs that people asked for: built one at a time, begun anew where a builder died."""

import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Final, cast

from django.conf import settings
from django.core.files import File
from django.db import DatabaseError, transaction
from django.dispatch import Signal

from ecportal import clock
from ecportal.accounts.models import User
from ecportal.audit import context
from ecportal.audit.pack import Manifest, NotExported
from reviews.models import EvidencePack
from reviews.models.pack import EvidencePackQuerySet, kept_packs
from reviews.packs.building import PREFIX, CannotBuild, Choice, build, pause
from reviews.packs.printing import NotPrinted

logger = logging.getLogger(__name__)

ATTEMPTS: Final = 3
TOLD_EACH: Final = 1.0  # seconds
GAVE_UP: Final = (
    f"The worker stopped {ATTEMPTS} times while it built this pack. Choose fewer changes or a "
    "shorter period; if it happens again, look into the worker’s log."
)


built = Signal()
"""Sent with `pack` inside the transaction in which it is built and kept."""


class LostIt(Exception):
    """Another builder has taken the pack: this one was silent for too long."""


def ask(choice: Choice, label: str, by: User) -> EvidencePack:
    """Write down that somebody wants this pack; the same one that still waits is not asked twice.

    The caller checked that they may see each of the changes.
    """
    same = EvidencePack.objects.unfinished().filter(
        requested_by=by,
        numbers=" ".join(choice.numbers),
        begins_on=choice.begins_on,
        ends_on=choice.ends_on,
    )
    return same.first() or EvidencePack.objects.create(
        label=label,
        numbers=" ".join(choice.numbers),
        begins_on=choice.begins_on,
        ends_on=choice.ends_on,
        withheld=" ".join(choice.withheld),
        requested_by=by,
        requested_at=clock.now(),
        total=len(choice.numbers),
    )


def ask_again(pack: EvidencePack) -> bool:
    """Put a failed pack back into the queue; return whether it had failed."""
    failed = EvidencePack.objects.filter(pk=pack.pk).exclude(failed_at=None)
    anew = {"failed_at": None, "error": "", "attempts": 0, "taken_at": None}
    return bool(failed.update(**anew, done=0, stage=""))


def take() -> EvidencePack | None:
    """Take the next pack for this builder alone; None when none waits or one is being built.

    One at a time: however many are asked for, one process of the worker is busy with them.
    """
    with transaction.atomic():
        waiting = list(EvidencePack.objects.select_for_update().unfinished().order_by("pk"))
        if EvidencePack.objects.in_hand(clock.now()).exists():
            return None
        for pack in waiting:
            if pack.attempts < ATTEMPTS:
                pack.taken_at, pack.attempts = clock.now(), pack.attempts + 1
                pack.done, pack.stage = 0, ""
                pack.save(update_fields=["taken_at", "attempts", "done", "stage"])
                return pack
            _fail(pack, GAVE_UP)
    return None


def work_off(*, unsealed: Callable[[], object] = pause) -> int:
    """Build what waits and return how many packs were built or failed for a reason.

    `unsealed` is as for `build`.
    """
    count = 0
    while (pack := take()) is not None:
        person = context.named(pack.requested_by_id, pack.requested_by.username)
        try:
            with context.coming_from(person), _temporary() as file:
                manifest = build(_choice(pack), file, tell=_telling(pack), unsealed=unsealed)
                _keep(pack, file, manifest)
        except LostIt:
            logger.warning("Evidence pack %s was taken by another builder.", pack.pk)
        except (CannotBuild, NotExported, NotPrinted) as error:
            _fail(pack, str(error))
        except OSError as error:
            _fail(pack, f"The pack cannot be written: {error.strerror or error}.")
        except DatabaseError as error:
            logger.exception("Evidence pack %s", pack.pk)
            _fail(pack, f"The database said: {str(error).strip().splitlines()[0]}")
        count += 1
    return count


@contextmanager
def _temporary() -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile() as file:
        yield cast("BinaryIO", file)


def _choice(pack: EvidencePack) -> Choice:
    withheld = tuple(pack.withheld.split())
    return Choice(tuple(pack.changes), pack.begins_on, pack.ends_on, withheld)


def _telling(pack: EvidencePack) -> Callable[[str, int], None]:
    """Return what writes down how far it is, at most once a second, and that the builder lives."""
    last, told = 0.0, ""

    def tell(stage: str, done: int) -> None:
        nonlocal last, told
        recent = time.monotonic() - last < TOLD_EACH
        if recent and (done != pack.total or stage == told):
            return
        last, told = time.monotonic(), stage
        if not _mine(pack).update(stage=stage, done=done, taken_at=clock.now()):
            raise LostIt

    return tell


def _mine(pack: EvidencePack) -> EvidencePackQuerySet:
    return EvidencePack.objects.unfinished().filter(pk=pack.pk, attempts=pack.attempts)


def _keep(pack: EvidencePack, file: BinaryIO, manifest: Manifest) -> None:
    if not _mine(pack).update(stage="Storing it", taken_at=clock.now()):
        raise LostIt
    file.seek(0)
    storage = kept_packs()
    name = storage.save(f"{manifest.sha256[:16]}-{pack.pk}.zip", File(file))
    missing = ", ".join(manifest.missing)
    with transaction.atomic():
        kept = _mine(pack).update(
            file=name,
            size=manifest.size,
            sha256=manifest.sha256,
            done=pack.total,
            stage="",
            finished_at=clock.now(),
            warning=f"It will not verify: these attachments are missing or altered: {missing}."
            if missing
            else "",
        )
        if kept:
            pack.refresh_from_db()
            built.send(sender=EvidencePack, pack=pack)
    if not kept:
        storage.delete(name)
        raise LostIt


def _fail(pack: EvidencePack, why: str) -> None:
    _mine(pack).update(failed_at=clock.now(), error=why)


def remove_leavings() -> int:
    """Remove the folders that builders left when they were killed more than a day ago."""
    until = (clock.real() - timedelta(days=1)).timestamp()
    found = Path(tempfile.gettempdir()).glob(f"{PREFIX}*")
    old = [folder for folder in found if folder.is_dir() and folder.stat().st_mtime < until]
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)
    return len(old)


def remove_old() -> int:
    """Remove the files of packs that are older than they are kept; return how many."""
    until = clock.now() - timedelta(days=settings.PACK_DAYS)
    old = EvidencePack.objects.filter(finished_at__lt=until, removed_at=None)
    for pack in old:
        if pack.file:
            kept_packs().delete(pack.file)
        EvidencePack.objects.filter(pk=pack.pk).update(removed_at=clock.now(), file="")
    return len(old)
