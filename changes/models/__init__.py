"""What is recorded about an emergency change."""

from changes.models.approval import Approval
from changes.models.change import ChangeSystem, EmergencyChange
from changes.models.delegation import DelegatedSystem, Delegation
from changes.models.deployment import Deployment, DeploymentSystem
from changes.models.evidence import Evidence, EvidenceRead
from changes.models.policy import Policy
from changes.models.ticket import Ticket
from changes.models.work import Correction, Deviation, ExecutionEntry, StabilityCheck

__all__ = [
    "Approval",
    "ChangeSystem",
    "Correction",
    "DelegatedSystem",
    "Delegation",
    "Deployment",
    "DeploymentSystem",
    "Deviation",
    "EmergencyChange",
    "Evidence",
    "EvidenceRead",
    "ExecutionEntry",
    "Policy",
    "StabilityCheck",
    "Ticket",
]
