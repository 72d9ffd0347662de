"""The addresses of reviews beside the admin: each person's calendar."""

from django.contrib import admin
from django.urls import path

from reviews.calendar_feed import own_page, read_feed

urlpatterns = [
    path("", admin.site.admin_view(own_page), name="calendar"),
    path("deadlines.ics", read_feed, name="calendar-feed"),
]
