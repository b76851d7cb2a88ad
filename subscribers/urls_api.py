"""Addresses of the REST API."""

from django.urls import URLPattern, URLResolver, path

from subscribers import api, api_events

urlpatterns: list[URLPattern | URLResolver] = [
    path("subscribers/", api.SubscribersView.as_view(), name="api_subscribers"),
    path("subscribers/<uuid:subscriber_id>/", api.SubscriberView.as_view(), name="api_subscriber"),
    path("events/", api_events.EventsView.as_view(), name="api_events"),
]
