"""Every address: the admin, the way to it, the webhooks, the API, and people's calendars."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("admin/", admin.site.urls),
    path("hooks/", include("ecportal.integrations.urls")),
    path("api/v1/", include("changes.api")),
    path("calendar/", include("reviews.urls")),  # by name, as in INSTALLED_APPS: it stands above
]
handler400 = "ecportal.errors.bad_request"
handler403 = "ecportal.errors.refused"
handler404 = "ecportal.errors.not_found"
