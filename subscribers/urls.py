"""Pages of subscribers."""

from django.urls import URLPattern, URLResolver, path  # noqa: F401

app_name = "subscribers"
urlpatterns: list[URLPattern | URLResolver] = []
