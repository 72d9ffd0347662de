"""A pipeline: a client of the API with a token of its own."""

from typing import Any

from django.test import Client

from ecportal.accounts.models import User
from ecportal.accounts.roles import SCOPES
from ecportal.accounts.tokens import issue

DEPLOYMENTS = "/api/v1/deployments"


class Pipeline:
    """Speaks to the API as the service account `name`; shows a failure as a status."""

    def __init__(self, name: str = "ci", scopes: tuple[str, ...] = tuple(SCOPES)) -> None:
        self.name = name
        self.token = issue(name, list(scopes), 30, "For the pipeline.")
        self.client = Client(raise_request_exception=False, enforce_csrf_checks=True)

    @property
    def account(self) -> User:
        return User.objects.get(username=self.name)

    def headers(self, **more: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", **more}

    def tell(self, headers: dict[str, str] | None = None, **told: Any) -> Any:
        """Tell of a deployment to production that succeeded."""
        body = {"key": "88213", "status": "succeeded", "environment": "production", **told}
        return self.post(body, **(headers or {}))

    def post(self, body: Any, content_type: str = "application/json", **headers: str) -> Any:
        return self.client.post(
            DEPLOYMENTS, body, content_type=content_type, headers=self.headers(**headers)
        )

    def read(self, number: str) -> Any:
        return self.client.get(f"/api/v1/changes/{number}", headers=self.headers())

    def gate(self, number: str) -> Any:
        return self.client.get(f"/api/v1/changes/{number}/gate", headers=self.headers())
