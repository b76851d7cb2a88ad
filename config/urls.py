"""All addresses. Pages need a session, the API a key; the public ones are listed here first."""

from django.conf import settings
from django.urls import include, path

from accounts import look
from campaigns.views import serving
from config import health, views

handler403 = "accounts.errors.permission_denied"
handler404 = "accounts.errors.not_found"

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("demo/site/", views.demo_site, name="demo_site"),
    path("sites/<uuid:site_id>/samples/", views.samples, name="samples"),
    path("sites/<uuid:site_id>/health/", health.page, name="health"),
    path("sites/<uuid:site_id>/health/live/", health.live, name="health_live"),
    path("sites/<uuid:site_id>/health/minutes/", health.minutes, name="health_minutes"),
    path("sites/<uuid:site_id>/health/diagnosis.json", health.file, name="health_file"),
    path("push/", include("subscribers.urls_public")),
    path("push/", include("campaigns.urls_public")),
    path("pictures/<uuid:picture_id>/<str:file>", serving.picture, name="picture"),
    path("api/v1/", include("config.urls_api")),
    path("", include("accounts.urls")),
    path("", include("subscribers.urls")),
    path("", include("audiences.urls")),
    path("", include("campaigns.urls")),
]

if settings.DEBUG:  # the parts of the interface, for us
    urlpatterns.append(path("look/", look.look))
