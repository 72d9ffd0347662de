"""The verifier as a program of one file: its exit codes, and what it needs."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.audit.packs import (
    signer,
)
from tests.audit.verdicts import DATA, PROGRAM, SOUND

pytestmark = pytest.mark.once


def run(*arguments: str, program: str | None = None) -> subprocess.CompletedProcess[str]:
    first = ["-c", program] if program else [str(PROGRAM)]
    command = [sys.executable, "-I", *first, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def test_exit_codes(tmp_path: Path) -> None:
    pack, note, bad = tmp_path / "pack.zip", tmp_path / "note", tmp_path / "bad.zip"
    pack.write_bytes(DATA)
    bad.write_bytes(DATA[:-5])
    note.write_text(f"Keep this:\r\n\r\n{SOUND.note(4)}\r\n".replace("\n", "\r\n"))
    vkey = signer().vkey
    good = run(str(pack), "--vkey", vkey, "--checkpoint", str(note), "--json")
    assert (good.returncode, json.loads(good.stdout)["verified"]) == (0, True)
    failed = run(str(bad), "--vkey", vkey)
    assert (failed.returncode, failed.stdout[:12]) == (1, "NOT VERIFIED")
    told = json.loads(run(str(bad), "--vkey", vkey, "--json").stdout)
    assert (told["verified"], told["findings"][0][0]) == (False, "PACK")
    for arguments in (
        (str(tmp_path / "missing.zip"), "--vkey", vkey),
        (str(tmp_path), "--vkey", vkey),
        (str(pack),),
        (str(pack), "--vkey", "nonsense"),
        (str(pack), "--vkey", vkey[:-4] + "AAAA"),
        (str(pack), "--vkey", vkey, "--checkpoint", str(tmp_path / "none")),
        (str(pack), "--vkey", vkey, "--checkpoint", str(pack)),
    ):
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert "Traceback" not in done.stderr


def test_missing_library_is_said_in_a_sentence(tmp_path: Path) -> None:
    pack = tmp_path / "pack.zip"
    pack.write_bytes(DATA)
    without = (
        "import runpy, sys; sys.modules['cryptography'] = None;"
        f"sys.argv[0] = 'verify_pack.py'; runpy.run_path({str(PROGRAM)!r}, run_name='__main__')"
    )
    done = run(str(pack), "--vkey", signer().vkey, program=without)
    assert done.returncode == 2
    assert done.stderr == "The package 'cryptography' is missing: pip install cryptography.\n"


def test_program_is_one_file_for_python_3_9() -> None:
    source = ast.parse(PROGRAM.read_text(), feature_version=(3, 9))
    named = {
        str(node.module if isinstance(node, ast.ImportFrom) else alias.name).split(".")[0]
        for node in ast.walk(source)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert named - set(sys.stdlib_module_names) == {"cryptography"}
