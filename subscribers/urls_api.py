"""Addresses of the REST API."""

from django.urls import URLPattern, URLResolver, path

from subscribers import api, api_devices, api_events

urlpatterns: list[URLPattern | URLResolver] = [
    path("subscribers/", api.SubscribersView.as_view(), name="api_subscribers"),
    path("subscribers/<uuid:subscriber_id>/", api.SubscriberView.as_view(), name="api_subscriber"),
    path("devices/", api_devices.DevicesView.as_view(), name="api_devices"),
    path("devices/<uuid:public_id>/", api_devices.DeviceView.as_view(), name="api_device"),
    path("events/", api_events.EventsView.as_view(), name="api_events"),
]
