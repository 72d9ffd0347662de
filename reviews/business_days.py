"""The company's calendar, as configured and as declared in the portal."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings

from ecportal.calendar import BusinessCalendar
from reviews.models import CompanyHoliday


def company_calendar() -> BusinessCalendar:
    """Return the calendar in which the company's business days are counted."""
    declared = CompanyHoliday.objects.filter(status=CompanyHoliday.Status.DECLARED)
    return BusinessCalendar(
        country=settings.BUSINESS_COUNTRY,
        zone=ZoneInfo(settings.TIME_ZONE),
        subdivision=settings.BUSINESS_SUBDIVISION,
        company_days=frozenset(declared.values_list("day", flat=True)),
    )


def next_business_day(moment: datetime) -> tuple[datetime, str]:
    """Return the end of the business day after `moment`, and the rule in words."""
    region = "-".join(filter(None, (settings.BUSINESS_COUNTRY, settings.BUSINESS_SUBDIVISION)))
    rule = f"End of the next business day ({region} calendar, {settings.TIME_ZONE})"
    return company_calendar().end_of_next_business_day(moment), rule
