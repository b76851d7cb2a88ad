"""Addresses of the REST API."""

from django.urls import URLPattern, URLResolver, path

from subscribers import api

urlpatterns: list[URLPattern | URLResolver] = [
    path("subscribers/", api.SubscribersView.as_view(), name="api_subscribers"),
    path("subscribers/<uuid:subscriber_id>/", api.SubscriberView.as_view(), name="api_subscriber"),
]
