"""The platform as a Django app, and the admin site it brings."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class PlatformConfig(AppConfig):
    name = "ecportal"
    verbose_name = "Portal"


class PortalAdminConfig(AdminConfig):
    default_site = "ecportal.site.PortalAdminSite"
