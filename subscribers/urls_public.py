"""Public addresses, under /push/."""

from django.urls import URLPattern, URLResolver, path

from subscribers.views import public, public_apps

urlpatterns: list[URLPattern | URLResolver] = [
    path("<str:site_key>/config.json", public.config, name="push_config"),
    path("<str:site_key>/subscriptions/", public.subscriptions, name="push_subscriptions"),
    path(
        "<str:site_key>/subscriptions/<uuid:public_id>/",
        public.subscription,
        name="push_subscription",
    ),
    path("<str:site_key>/devices/", public_apps.devices, name="push_devices"),
]
