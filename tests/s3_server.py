"""A real S3 server with object lock for the tests that need one; it ends with the block."""

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

START_WAIT = 60.0  # seconds
KEYS = {"aws_access_key_id": "ecportal", "aws_secret_access_key": "ecportal-secret"}
IDENTITY = {
    "name": "ecportal",
    "credentials": [{"accessKey": KEYS["aws_access_key_id"],
                     "secretKey": KEYS["aws_secret_access_key"]}],
    "actions": ["Admin", "Read", "Write", "List", "Tagging"],
}  # fmt: skip


def program() -> str | None:
    """Return the path of SeaweedFS, beside this Python or on the PATH, or None."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


def free_ports(number: int) -> list[int]:
    """Return ports that are free, and whose gRPC companions 10,000 above are free, too."""
    found: list[int] = []
    for port in range(20_000 + (time.monotonic_ns() // 1000) % 20_000, 55_000, 7):
        with contextlib.suppress(OSError):
            for one in (port, port + 10_000):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", one))
            found.append(port)
        if len(found) == number:
            return found
    raise RuntimeError("No free ports were found.")


def client(endpoint: str) -> Any:
    config = Config(retries={"max_attempts": 1}, connect_timeout=2, read_timeout=10)
    return boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=config, **KEYS)


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Yield the endpoint of a server whose data and logs are in `folder`."""
    weed = program()
    assert weed is not None
    master, volume, filer, s3 = free_ports(4)
    (folder / "data").mkdir(parents=True)
    identities = folder / "s3.json"
    identities.write_text(json.dumps({"identities": [IDENTITY]}))
    command = [
        weed, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder / 'data'}",
        f"-master.port={master}", f"-volume.port={volume}", "-filer", f"-filer.port={filer}",
        "-s3", f"-s3.port={s3}", f"-s3.config={identities}", "-master.volumeSizeLimitMB=64",
        "-volume.max=20", "-s3.iam=false",
        # Catalogs that nobody asks, on ports that a second server would ask for, too.
        "-s3.port.iceberg=0", "-s3.port.lance=0",
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        endpoint = f"http://127.0.0.1:{s3}"
        _wait(server, client(endpoint), folder / "log")
        yield endpoint
    finally:
        # Its own way down takes 20 seconds, and nothing of it is kept.
        server.kill()
        server.wait()


def _wait(server: subprocess.Popen[bytes], s3: Any, log: Path) -> None:
    """Wait until a bucket can be made and written to."""
    end = time.monotonic() + START_WAIT
    while time.monotonic() < end:
        if server.poll() is not None:
            break
        try:
            if not s3.list_buckets()["Buckets"]:
                s3.create_bucket(Bucket="probe")
            s3.put_object(Bucket="probe", Key="x", Body=b"x")
        except (BotoCoreError, ClientError):
            time.sleep(0.3)
        else:
            return
    raise RuntimeError(f"The S3 server did not start: {log.read_text(errors='replace')[-2000:]}")
