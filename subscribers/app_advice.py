"""What an admin should fix after Firebase or Apple refused a message to an app."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_TOPIC = _(
    "This key may not send to that bundle id. Is the app of the same team, and the key for this"
    " topic? Check Settings, Mobile apps."
)
_KEY = _(
    "Apple does not accept key, key id and team id together: one is wrong, or the key was revoked"
    " or is for another service. Check Settings, Mobile apps."
)
_ENVIRONMENT = _(
    "This key is for one environment only, sandbox or production. Make one for both at Apple,"
    " upload it in Settings, Mobile apps, then resume."
)
_ORIGIN = _(
    "FCM_ORIGIN or APNS_ORIGIN is not the service's own, and EXTRA_PUSH_ORIGINS does not name it;"
    " or DNS leads astray. Mend it, then resume."
)
# By our reason (subscribers.transports.classify). "It" is the push service.
_ADVICE: dict[str, Promise] = {
    "fcm_sender_mismatch": _(
        "These devices belong to another Firebase project. Upload that project's service account"
        " in Settings, Mobile apps; those of this one stay."
    ),
    "fcm_third_party_auth": _(
        "Firebase has no valid key for Apple. Upload one in the Firebase console, Project settings,"
        " Cloud Messaging, then resume."
    ),
    "fcm_auth": _(
        "The service account may not send. In Google Cloud, switch on the Firebase Cloud Messaging"
        " API, and give the account its Admin role."
    ),
    "fcm_not_found": _(
        "It does not know the project: was it deleted, or is FCM_ORIGIN wrong? Test the key in"
        " Settings, Mobile apps."
    ),
    "fcm_bad_token": _(
        "It says that these are no tokens of its own. Does the app send the FCM token, not the one"
        " of APNs?"
    ),
    "fcm_origin": _ORIGIN,
    "apns_origin": _ORIGIN,
    "apns_expired_provider_token": _(
        "Apple says that our token is over an hour old: the server's clock is wrong. Set it (NTP),"
        " then resume."
    ),
    "apns_invalid_provider_token": _KEY,
    "apns_unrelated_key_id_in_token": _(
        "Apple saw another key of ours on this connection. Do several installations use this team?"
        " Restart the workers, then resume."
    ),
    "apns_bad_environment_key_id_in_token": _ENVIRONMENT,
    "apns_bad_environment_key_in_token": _ENVIRONMENT,
    "apns_missing_provider_token": _(
        "Our token did not reach Apple. Is APNS_ORIGIN a proxy that drops it?"
    ),
    "apns_too_many_provider_token_updates": _(
        "Apple sees our token change too often. Does another installation send with the same key?"
        " Give it a key of its own."
    ),
    "apns_bad_device_token": _(
        "These tokens are of the other environment: those of apps built for development belong to"
        " the sandbox. The app must say which it is."
    ),
    "apns_device_token_not_for_topic": _(
        "These tokens belong to another bundle id than the app named. Check the bundle ids in"
        " Settings, Mobile apps, and in the app."
    ),
    "apns_bad_topic": _TOPIC,
    "apns_missing_topic": _TOPIC,
    "apns_topic_disallowed": _TOPIC,
    "apns_forbidden": _KEY,
}
_OTHERWISE = _("Look at Settings, Mobile apps, and test the key there. No device is at fault.")


def advice(reason: str) -> str:
    """What to fix, and where, for an outcome's reason that begins with fcm_ or apns_.

    At most 180 characters in English; never holds what a stranger wrote.
    """
    return str(_ADVICE.get(reason, _OTHERWISE))
