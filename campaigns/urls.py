"""Pages of campaigns."""

from django.urls import URLPattern, URLResolver, path  # noqa: F401

app_name = "campaigns"
urlpatterns: list[URLPattern | URLResolver] = []
