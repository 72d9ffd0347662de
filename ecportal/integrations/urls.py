"""The addresses that other systems send to; with or without the slash at the end."""

from django.urls import re_path

from ecportal.integrations.hooks import hook

urlpatterns = [re_path(r"^(?P<name>[a-z]+(?:/[a-z]+)*)/?\Z", hook, name="hook")]
