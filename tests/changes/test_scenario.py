import pytest

from changes.models import EmergencyChange
from tests.scenario import Company, a_change


@pytest.mark.parametrize("status", EmergencyChange.Status.values)
def test_every_status_is_reachable(company: Company, status: str) -> None:
    assert a_change(company, status).status == status
