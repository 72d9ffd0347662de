"""Django's own admin, as it comes, for the same models: what our pages are held against."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.test import override_settings
from django.urls import path


class Stock(admin.AdminSite):
    """Lets in whoever is signed in: nobody is staff in the portal."""

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_authenticated)


site = Stock("admin")
for model in admin.site._registry:
    site.register(model, admin.ModelAdmin)

urlpatterns = [path("admin/", site.urls)]


@contextmanager
def stock() -> Iterator[None]:
    """Serve Django's own pages at the same addresses until the block ends."""
    templates: list[dict[str, Any]] = [{**settings.TEMPLATES[0], "DIRS": []}]
    with (
        override_settings(ROOT_URLCONF="tests.stock_admin", TEMPLATES=templates),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # what Django's forms warn of is not ours
        yield
