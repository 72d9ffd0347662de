"""What the API takes and gives, in the words of its OpenAPI document."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from ninja import Schema
from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field

from ecportal import clock

AHEAD = timedelta(minutes=5)
"""How far the clock of a pipeline may be ahead of ours."""

_web_address = URLValidator(schemes=["http", "https"])


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("it contains a NUL character")
    return text


def _address(text: str) -> str:
    if text:
        try:
            _web_address(text)
        except ValidationError:
            raise ValueError("it is no address that begins with http:// or https://") from None
    return text


def _of_our_time(moment: datetime) -> datetime:
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("it is no time between 2000 and now") from None
    if moment.year < 2000 or moment > clock.now() + AHEAD:
        raise ValueError("it is no time between 2000 and now")
    return moment


Text = Annotated[str, Field(max_length=255), AfterValidator(_storable)]
Long = Annotated[str, Field(max_length=10_000), AfterValidator(_storable)]
Address = Annotated[
    str, Field(max_length=2000), AfterValidator(_storable), AfterValidator(_address)
]
Moment = Annotated[AwareDatetime, AfterValidator(_of_our_time)]
Status = Literal["pending", "running", "succeeded", "failed", "canceled", "rolled_back"]


class DeploymentIn(Schema):
    """A deployment as the pipeline knows it; send it again whenever its status changes."""

    model_config = ConfigDict(extra="forbid")

    status: Status = Field(description="How far it is.")
    key: Text = Field(
        "", description="Your own identifier of this deployment, the same each time you tell of "
        "it; empty: the header Idempotency-Key.",
    )  # fmt: skip
    change: Text = Field(
        "", description="The emergency change, such as EC-2026-0042, if it stands in no reference."
    )
    environment: Text = Field("", description="Such as production.")
    commit: Text = ""
    branch: Text = ""
    tag: Text = ""
    actor: Text = Field("", description="Who or what triggered it.")
    url: Address = Field("", description="The run of the pipeline.")
    description: Long = ""
    systems: list[Text] = Field([], max_length=50, description="Names of systems in the portal.")
    references: list[Long] = Field(
        [], max_length=50, description="Texts in which the number of the change may stand, such as "
        "the commit message; branch, tag and description are searched, too.",
    )  # fmt: skip
    started_at: Moment | None = None
    finished_at: Moment | None = None
    at: Moment | None = Field(
        None, description="When this became so; empty: when the report arrives. "
        "Of two reports the one with the later time counts.",
    )  # fmt: skip


class DeploymentOut(Schema):
    """The deployment as the portal has it now."""

    id: int
    source: str
    key: str
    status: Status
    environment: str
    is_production: bool
    change: str | None = Field(description="The change that it belongs to, if you may see it.")
    done: list[str] = Field(description="What was done, in sentences; none: nothing was new.")
    url: str = Field(description="Its page in the portal.")


class IncidentOut(Schema):
    number: str
    title: str
    severity: str
    began_at: datetime


class ChangeOut(Schema):
    """An emergency change with who did what when; times are UTC, null: not yet."""

    number: str
    title: str
    type: Literal["Emergency change"] = "Emergency change"
    status: str
    confidential: bool
    risk: str
    systems: list[str]
    incident: IncidentOut
    requester: str
    opened_at: datetime
    submitted_at: datetime | None
    approver: str | None
    approval: str | None = Field(description="How it was approved, and whether that stands.")
    approved_at: datetime | None
    without_approval: bool = Field(description="Implemented with no valid approval at the time.")
    implementer: str | None
    started_at: datetime | None
    finished_at: datetime | None
    outcome: str
    verified_at: datetime | None
    documented_at: datetime | None
    closed_at: datetime | None
    closed_late: bool
    url: str


class GateOut(Schema):
    """Whether the change may be deployed now."""

    number: str
    may_deploy: bool
    reason: str = Field(description="Why, or why not, in a sentence for people.")
    status: str
    approver: str | None
    approved_at: datetime | None
    without_approval: bool
    url: str


class Problem(Schema):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str = Field(description="What is wrong, in a sentence.")
