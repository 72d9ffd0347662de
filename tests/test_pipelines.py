"""The steps for pipelines in the README, taken out of it and run against a live server."""

import json
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from changes.models import Deployment, EmergencyChange
from tests.changes.pipelines import Pipeline
from tests.scenario import Company, Journey, a_change, found_company

pytestmark = [pytest.mark.once, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

README = (Path(settings.BASE_DIR) / "README.md").read_text()
HEADINGS = {"github": "GitHub Actions", "gitlab": "GitLab CI", "jenkins": "Jenkins"}
each_system = pytest.mark.parametrize("system", HEADINGS)
# What GitHub puts in the place of its expressions.
GITHUB = {
    "github.run_id": "88213", "github.run_attempt": "1", "github.sha": "6dcb09b5",
    "github.server_url": "https://github.example.test", "github.repository": "acme/checkout",
    "job.status == 'success' && 'succeeded' || 'failed'": "succeeded",
    "toJSON(github.ref_name)": json.dumps('hotfix/"quoted"'), "toJSON(github.actor)": '"priya"',
}  # fmt: skip
ELSEWHERE = {
    "CI_JOB_STATUS": "success", "CI_JOB_ID": "88213", "CI_ENVIRONMENT_NAME": "production",
    "CI_COMMIT_SHA": "6dcb09b5", "CI_COMMIT_REF_SLUG": "main", "GITLAB_USER_LOGIN": "priya",
    "CI_JOB_URL": "https://gitlab.example.test/-/jobs/88213",
    "CI_JOB_STARTED_AT": "2026-01-02T03:04:05Z", "STATUS": "succeeded",
    "BUILD_TAG": "jenkins-checkout-88213", "GIT_COMMIT": "6dcb09b5",
    "BUILD_URL": "https://jenkins.example.test/job/checkout/88213/",
}  # fmt: skip


def steps_of(system: str, change: str) -> tuple[str, str, dict[str, str]]:
    """Return the script that waits, the one that tells, and what the latter's environment adds."""
    place = rf"\*\*{HEADINGS[system]}\*\*.*?```(?:yaml|groovy)\n(.*?)```"
    block = re.search(place, README, re.DOTALL)
    assert block is not None
    if system == "jenkins":
        # In Groovy, two backslashes are one.
        wait, tell = re.findall(r"sh '''\n(.*?)'''", block[1].replace("\\\\", "\\"), re.DOTALL)
        return wait, tell, {}
    read = yaml.safe_load(block[1])
    if system == "gitlab":
        return read["deploy"]["script"][0], read["deploy"]["after_script"][0], {}
    steps = read["jobs"]["deploy"]["steps"]
    known = {**GITHUB, "toJSON(inputs.change)": json.dumps(change)}
    told = re.sub(r"\$\{\{ (.*?) \}\}", lambda found: known[found[1]], steps[2]["env"]["TOLD"])
    return steps[0]["run"], steps[2]["run"], {"TOLD": told}


class Runner:
    """Runs scripts as the pipelines do, with the portal's address and a token."""

    def __init__(self, address: str, change: str, folder: Path) -> None:
        self.folder = folder
        self.variables = {
            **ELSEWHERE, "PATH": os.environ["PATH"], "ECPORTAL_URL": address, "CHANGE": change,
            "ECPORTAL_TOKEN": Pipeline().token, "PAUSE": "0.2", "PATIENCE": "90",
        }  # fmt: skip

    def start(self, script: str, **more: str) -> "subprocess.Popen[str]":
        shell = "bash" if "TOLD" in more else "sh"
        return subprocess.Popen(
            [shell, "-e", "-c", script], cwd=self.folder, env={**self.variables, **more},
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, script: str, **more: str) -> tuple[int, str]:
        process = self.start(script, **more)
        shown, _none = process.communicate(timeout=120)
        return process.returncode, shown


@pytest.fixture
def company_at_work(live_server: Any) -> Company:
    return found_company()


@pytest.fixture
def change(company_at_work: Company) -> EmergencyChange:
    return a_change(company_at_work, "submitted")


@pytest.fixture
def runner(live_server: Any, change: EmergencyChange, tmp_path: Path) -> Runner:
    return Runner(live_server.url, change.number, tmp_path)


@each_system
def test_pipeline_waits_for_the_approval_and_tells_what_it_did(
    company_at_work: Company, change: EmergencyChange, runner: Runner, system: str
) -> None:
    wait, tell, env = steps_of(system, change.number)
    waiting = runner.start(wait)
    assert waiting.stdout is not None
    assert "No approval stands." in waiting.stdout.readline()
    assert waiting.poll() is None
    Journey(company_at_work, change).approve()
    rest, _none = waiting.communicate(timeout=90)
    assert waiting.returncode == 0, rest
    assert rest.rstrip().endswith(" 200")
    for _twice in range(2):
        code, shown = runner.run(tell, **env)
        assert code == 0, shown
    deployment = Deployment.objects.get()
    assert (deployment.change, deployment.status) == (change, "succeeded")
    assert (deployment.environment, deployment.commit) == ("production", "6dcb09b5")
    assert "88213" in deployment.url
    assert change.executions.count() == 1


@each_system
def test_waiting_ends_at_once_where_it_cannot_help_and_else_in_time(
    change: EmergencyChange, runner: Runner, system: str
) -> None:
    wait = steps_of(system, change.number)[0]
    for variables, status in (
        ({"ECPORTAL_TOKEN": "ecp_wrong"}, " 401"),
        ({"CHANGE": "EC-2019-0001"}, " 404"),
        ({"PATIENCE": "1"}, " 409"),
    ):
        code, shown = runner.run(wait, **variables)
        assert (code, shown.rstrip()[-4:]) == (1, status)


def test_waiting_outlives_a_portal_that_is_away(change: EmergencyChange, runner: Runner) -> None:
    wait = steps_of("gitlab", change.number)[0]
    began = time.monotonic()
    code, shown = runner.run(wait, ECPORTAL_URL="http://127.0.0.1:9", PATIENCE="3")
    assert code == 1
    assert time.monotonic() - began >= 1
    assert shown.count(" 000") > 1


@each_system
def test_deployment_that_is_refused_fails_the_step(
    change: EmergencyChange, runner: Runner, system: str
) -> None:
    _wait, tell, env = steps_of(system, change.number)
    at_once = tell.replace("--retry 8 --retry-all-errors", "")
    code, shown = runner.run(at_once, **{**env, "ECPORTAL_TOKEN": "ecp_wrong"})
    assert code != 0
    assert "The token is unknown, expired or revoked." in shown
