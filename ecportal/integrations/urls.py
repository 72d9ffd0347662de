"""The addresses that other systems send to; with or without the slash at the end."""

from django.urls import path

from ecportal.integrations.endpoints import ENDPOINTS
from ecportal.integrations.hooks import hook

urlpatterns = [
    path(address, hook, {"name": name}) for name in ENDPOINTS for address in (f"{name}/", name)
]
