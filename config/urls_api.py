"""The REST API, version 1."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("subscribers.urls_api")),
    path("", include("audiences.urls_api")),
    path("", include("campaigns.urls_api")),
]
