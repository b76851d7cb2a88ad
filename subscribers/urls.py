"""Pages of subscribers."""

from django.urls import URLPattern, URLResolver, path

from subscribers.views import (
    apps,
    install,
    people,
    person,
    person_events,
    prompts,
    push_keys,
    sites,
)

app_name = "subscribers"
SITE = "sites/<uuid:site_id>"
PERSON = f"{SITE}/people/<uuid:subscriber_id>"
DEVICE = f"{PERSON}/devices/<uuid:public_id>"
urlpatterns: list[URLPattern | URLResolver] = [
    path("sites/new/", sites.site_new, name="site_new"),
    path(f"{SITE}/people/", people.people_list, name="people"),
    path(f"{SITE}/people/export/", people.people_export, name="people_export"),
    path(f"{PERSON}/", person.person, name="person"),
    path(f"{PERSON}/events/", person_events.person_events, name="person_events"),
    path(f"{PERSON}/unsubscribe/", person.person_unsubscribe, name="person_unsubscribe"),
    path(f"{DEVICE}/unsubscribe/", person.device_unsubscribe, name="device_unsubscribe"),
    path(f"{DEVICE}/restore/", person.device_restore, name="device_restore"),
    path(f"{DEVICE}/test/", person.device_test, name="device_test"),
    path(f"{SITE}/install/", install.install, name="install"),
    path(f"{SITE}/install/state/", install.install_state, name="install_state"),
    path(f"{SITE}/prompts/", prompts.prompts, name="prompts"),
    path(f"{SITE}/push-keys/", push_keys.push_keys, name="push_keys"),
    path(
        f"{SITE}/push-keys/<int:vapid_id>/replace/",
        push_keys.push_key_replace,
        name="push_key_replace",
    ),
    path(
        f"{SITE}/push-keys/<int:vapid_id>/delete/",
        push_keys.push_key_delete,
        name="push_key_delete",
    ),
    path(f"{SITE}/apps/", apps.apps, name="apps"),
    path(f"{SITE}/apps/firebase/", apps.firebase, name="app_firebase"),
    path(f"{SITE}/apps/apple/", apps.apple, name="app_apple"),
    path(f"{SITE}/apps/app-key/", apps.app_key, name="app_key"),
    path(f"{SITE}/apps/identity-key/", apps.identity_key, name="identity_key"),
    path(f"{SITE}/apps/<int:credential_id>/test/", apps.app_test, name="app_test"),
    path(f"{SITE}/apps/<int:credential_id>/remove/", apps.app_remove, name="app_remove"),
]
