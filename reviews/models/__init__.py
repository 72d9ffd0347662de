"""What is recorded after and around a change."""

from reviews.models.bookkeeping import OpenReminder, Setback, Watch
from reviews.models.deadline import CompanyHoliday, Deadline
from reviews.models.escalation import Escalation, EscalationRung, Notice, Receipt
from reviews.models.exception import ControlException
from reviews.models.feed import CalendarFeed
from reviews.models.pack import EvidencePack
from reviews.models.population import Population, PopulationRow
from reviews.models.reconciliation import ReconciliationItem
from reviews.models.review import FollowUpAction, RetrospectiveReview
from reviews.models.sample import Sample, SampleItem

__all__ = [
    "CalendarFeed",
    "CompanyHoliday",
    "ControlException",
    "Deadline",
    "Escalation",
    "EscalationRung",
    "EvidencePack",
    "FollowUpAction",
    "Notice",
    "OpenReminder",
    "Population",
    "PopulationRow",
    "Receipt",
    "ReconciliationItem",
    "RetrospectiveReview",
    "Sample",
    "SampleItem",
    "Setback",
    "Watch",
]
