"""What is recorded after and around a change."""

from reviews.models.deadline import CompanyHoliday, Deadline
from reviews.models.escalation import Escalation, EscalationRung, Notice
from reviews.models.exception import ControlException
from reviews.models.feed import CalendarFeed
from reviews.models.review import FollowUpAction, RetrospectiveReview

__all__ = [
    "CalendarFeed",
    "CompanyHoliday",
    "ControlException",
    "Deadline",
    "Escalation",
    "EscalationRung",
    "FollowUpAction",
    "Notice",
    "RetrospectiveReview",
]
