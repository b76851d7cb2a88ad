"""What devices report to."""

from django.urls import path

from campaigns.views import events

app_name = "campaigns_public"
urlpatterns = [path("events/", events.events, name="events")]
