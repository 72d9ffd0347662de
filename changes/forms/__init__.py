"""What may be typed about a change, by step."""

from changes.forms.deciding import (
    ApproveForm,
    ClaimForm,
    ConfirmForm,
    DenyForm,
    RejectForm,
    SeenForm,
)
from changes.forms.deploying import AttachForm
from changes.forms.documenting import (
    CheckForm,
    CorrectForm,
    DocumentForm,
    EvidenceForm,
    ShareForm,
    SupersedeForm,
)
from changes.forms.governing import DelegateForm, PolicyForm
from changes.forms.implementing import (
    CatchUpForm,
    DeviationForm,
    ExecutionForm,
    FinishForm,
    StartForm,
    StartUnapprovedForm,
)
from changes.forms.opening import DeclareForm, ReviseForm, SubmitForm

__all__ = [
    "ApproveForm",
    "AttachForm",
    "CatchUpForm",
    "CheckForm",
    "ClaimForm",
    "ConfirmForm",
    "CorrectForm",
    "DeclareForm",
    "DelegateForm",
    "DenyForm",
    "DeviationForm",
    "DocumentForm",
    "EvidenceForm",
    "ExecutionForm",
    "FinishForm",
    "PolicyForm",
    "RejectForm",
    "ReviseForm",
    "SeenForm",
    "ShareForm",
    "StartForm",
    "StartUnapprovedForm",
    "SubmitForm",
    "SupersedeForm",
]
