"""Every address of the portal: the admin, and the way to it."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("admin/", admin.site.urls),
]
handler400 = "ecportal.errors.bad_request"
handler403 = "ecportal.errors.refused"
handler404 = "ecportal.errors.not_found"
