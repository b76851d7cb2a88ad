"""What the short codes on the ledger mean, in words for people."""

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Delivery

REASONS: dict[str, Promise] = {
    # Skipped
    "no_consent": gettext_lazy("Left before it was their turn"),
    "gone_before": gettext_lazy("The device was gone before its turn"),
    "erased": gettext_lazy("Erased before it was their turn"),
    "no_zone": gettext_lazy("Its time zone is not known"),
    "zone_past": gettext_lazy("The moment had passed in their time zone"),
    "quiet_hours": gettext_lazy("Quiet hours where they are"),
    "capped": gettext_lazy("They have had as many messages as the cap allows"),
    "min_gap": gettext_lazy("Their last message was too short a time ago"),
    "place_held": gettext_lazy("The last place under the cap is held for a campaign before it"),
    "other_device": gettext_lazy("They get it on another of their devices"),
    "inbox_only": gettext_lazy("Push is not allowed there; it is in their inbox"),
    "sent_once": gettext_lazy("They have had one with the same send-once key"),
    "no_title": gettext_lazy("For them the title would be empty"),
    "bad_address": gettext_lazy("For them the address could not be opened"),
    "too_large": gettext_lazy("For them the message would be too large"),
    "render_failed": gettext_lazy("The text could not be filled in for them"),
    # Kept back
    "holdout": gettext_lazy("Kept back on purpose, to measure the effect"),
    # Waiting for its turn
    "service_waits": gettext_lazy("Its push service lets us send more slowly than this; it waits"),
    # Unknown
    "sender_died": gettext_lazy(
        "The sender stopped while the request was on its way; not repeated"
    ),
    "timeout_after_request": gettext_lazy("No answer after the request left; not repeated"),
    "reset_after_request": gettext_lazy("Connection lost after the request left; not repeated"),
    "mozilla_903": gettext_lazy("Mozilla passed it on and heard nothing; not repeated"),
    "not_sent_again": gettext_lazy(
        "It was to be sent again, but the campaign was cancelled first; it may have arrived"
    ),
    # Expired
    "run_expired": gettext_lazy("The campaign's time was over"),
    "retries_exhausted": gettext_lazy(
        "The push service kept asking us to wait, or could not be reached"
    ),
    # Refused
    "blocked_address": gettext_lazy("The address points into a private network; nothing was sent"),
    "endpoint_characters": gettext_lazy("The device's address has signs that no address has"),
    "endpoint_fragment": gettext_lazy("The device's address can't be used"),
    "endpoint_host": gettext_lazy("The device's address is at no push service that Beckon knows"),
    "endpoint_length": gettext_lazy("The device's address is too long"),
    "endpoint_malformed": gettext_lazy("The device's address can't be used"),
    "endpoint_path": gettext_lazy("The device's address names no device"),
    "endpoint_port": gettext_lazy("The device's address has a port that no push service uses"),
    "endpoint_scheme": gettext_lazy("The device's address does not begin with https://"),
    "endpoint_userinfo": gettext_lazy("The device's address has a user name or password"),
    "internal_error": gettext_lazy("Beckon could not make the request; nothing was sent"),
    "not_encodable": gettext_lazy("The device's keys can't be used"),
    "payload_empty": gettext_lazy("The message is empty"),
    "payload_too_large": gettext_lazy("The message is too large for this service"),
    "redirect": gettext_lazy("The service pointed elsewhere; Beckon does not follow"),
    "vapid_rejected": gettext_lazy("The service refuses our key"),
    "vapid_mismatch": gettext_lazy("The device subscribed with another key"),
    "vapid_unusable": gettext_lazy("Our key can't sign; nothing was sent"),
    "wns_domain_blocked": gettext_lazy("Windows blocks this server; no device is at fault"),
    "topic": gettext_lazy("The message's topic can't be used; nothing was sent"),
    "ttl": gettext_lazy("The message's lifetime can't be used; nothing was sent"),
    "apple_badpath": gettext_lazy("Apple does not know such an address"),
    "apple_badttl": gettext_lazy("Apple does not take the message's lifetime"),
    "apple_badurgency": gettext_lazy("Apple does not take the message's urgency"),
    "apple_badwebpushtopic": gettext_lazy("Apple does not take the message's topic"),
    "apple_badwebpushrequest": gettext_lazy("Apple does not take the request"),
    "mozilla_101": gettext_lazy("Mozilla can't read how the message is encrypted"),
    "mozilla_108": gettext_lazy("Mozilla does not know how to reach this kind of device"),
    "mozilla_110": gettext_lazy("Mozilla can't read how the message is encrypted"),
    "mozilla_111": gettext_lazy("Mozilla misses the message's lifetime"),
    "mozilla_113": gettext_lazy("Mozilla does not take the message's topic"),
    "mozilla_114": gettext_lazy("Mozilla does not take the message's lifetime"),
    "apns_registered_again": gettext_lazy("Apple says that it is gone, but it came back since"),
    "fcm_invalid_argument": gettext_lazy("Firebase does not take the message"),
    "fcm_not_found": gettext_lazy("Firebase does not find our project"),
    "fcm_auth": gettext_lazy("Firebase refuses our key"),
    "fcm_origin": gettext_lazy("FCM_ORIGIN leads to no service for apps; nothing was sent"),
    "fcm_sender_mismatch": gettext_lazy("The device registered with another Firebase project"),
    "fcm_third_party_auth": gettext_lazy("Firebase may not pass it on: its key for Apple is wrong"),
    "apns_auth": gettext_lazy("Apple refuses our key"),
    "apns_bad_collapse_id": gettext_lazy("Apple does not take the message's collapse id"),
    "apns_bad_device_token": gettext_lazy(
        "Apple does not know the device here; sandbox and production may be mixed up"
    ),
    "apns_bad_environment_key_id_in_token": gettext_lazy("Our key is of Apple's other environment"),
    "apns_bad_environment_key_in_token": gettext_lazy("Our key is of Apple's other environment"),
    "apns_bad_expiration_date": gettext_lazy("Apple does not take the message's lifetime"),
    "apns_bad_message_id": gettext_lazy("Apple does not take the message's id"),
    "apns_bad_path": gettext_lazy("Apple does not know such an address"),
    "apns_bad_priority": gettext_lazy("Apple does not take the message's urgency"),
    "apns_bad_topic": gettext_lazy("Apple does not know such a bundle id"),
    "apns_device_token_not_for_topic": gettext_lazy("The device's token is of another app"),
    "apns_duplicate_headers": gettext_lazy("Apple does not take the request"),
    "apns_method_not_allowed": gettext_lazy("Apple does not take the request"),
    "apns_missing_device_token": gettext_lazy("Apple does not take the request"),
    "apns_expired_provider_token": gettext_lazy("Our token for Apple was too old"),
    "apns_forbidden": gettext_lazy("Apple does not let our key do this"),
    "apns_invalid_provider_token": gettext_lazy("Apple refuses our key"),
    "apns_invalid_push_type": gettext_lazy("Apple does not take the kind of message"),
    "apns_missing_provider_token": gettext_lazy("Apple misses our token"),
    "apns_missing_topic": gettext_lazy("Apple misses the bundle id"),
    "apns_origin": gettext_lazy("APNS_ORIGIN leads to no service for apps; nothing was sent"),
    "apns_payload_empty": gettext_lazy("Apple says that the message is empty"),
    "apns_topic_disallowed": gettext_lazy("Apple does not let our key send to this app"),
    "apns_unrelated_key_id_in_token": gettext_lazy("The connection began with another key of ours"),
    # Gone
    "fcm_unregistered": gettext_lazy("The app was removed, or its token is no longer valid"),
    "fcm_bad_token": gettext_lazy("Firebase says that the device's token is none"),
    "apns_unregistered": gettext_lazy("The app was removed, or its token is no longer valid"),
    "apns_expired_token": gettext_lazy("The device's token has ended"),
    "endpoint_removed": gettext_lazy("The browser says that this subscription has ended"),
    # Accepted, with a reservation
    "receipt": gettext_lazy("The device reported it before it was sent again; not repeated"),
    "wns_dropped": gettext_lazy("Windows took it and says that it will not show it"),
    "wns_channelthrottled": gettext_lazy("Windows took it and holds back: too many messages"),
    # To be tried again
    "connect": gettext_lazy("The service could not be reached; will be tried again"),
    "connect_timeout": gettext_lazy(
        "The service could not be reached in time; will be tried again"
    ),
    "dns": gettext_lazy("The service's name was not found; will be tried again"),
    "not_started": gettext_lazy("Its turn did not come in time; will be tried again"),
    "refused_stream": gettext_lazy("The service closed the connection first; will be tried again"),
    "tls": gettext_lazy("The service's certificate was not right; will be tried again"),
    "fcm_quota": gettext_lazy("Firebase asked us to slow down; will be tried again"),
    "fcm_unavailable": gettext_lazy("Firebase was busy; will be tried again"),
    "apns_idle_timeout": gettext_lazy("Apple closed the connection first; will be tried again"),
    "apns_service_unavailable": gettext_lazy("Apple was busy; will be tried again"),
    "apns_shutdown": gettext_lazy("Apple's server was closing down; will be tried again"),
    "apns_too_many_provider_token_updates": gettext_lazy(
        "Apple says that our token changed too often; will be tried again"
    ),
    "apns_too_many_requests": gettext_lazy(
        "Apple wants fewer messages to this device; will be tried again"
    ),
    "mozilla_901": gettext_lazy("Mozilla could not pass it on; will be tried again"),
    "mozilla_902": gettext_lazy("Mozilla could not pass it on; will be tried again"),
}

# What a state means when the code is only the answer's number.
PLAIN: dict[int, Promise] = {
    Delivery.State.PLANNED: gettext_lazy("Not sent yet"),
    Delivery.State.SENDING: gettext_lazy("On its way"),
    Delivery.State.ACCEPTED: gettext_lazy("The push service took it"),
    Delivery.State.REFUSED: gettext_lazy("The push service refused it"),
    Delivery.State.GONE: gettext_lazy("The device left; its subscription is closed"),
    Delivery.State.SKIPPED: gettext_lazy("Skipped"),
    Delivery.State.EXPIRED: gettext_lazy("Its time ran out"),
    Delivery.State.CANCELLED: gettext_lazy("Cancelled before it was sent"),
    Delivery.State.UNKNOWN: gettext_lazy("The answer is not proof; not repeated"),
    Delivery.State.HOLDOUT: gettext_lazy("Kept back on purpose"),
}
# What a state and the answer's number mean together, where the number alone is the code.
BY_STATUS: dict[tuple[int, int], Promise] = {
    (Delivery.State.PLANNED, 406): gettext_lazy(
        "The service asked us to slow down; will be tried again"
    ),
    (Delivery.State.PLANNED, 429): gettext_lazy(
        "The service asked us to slow down; will be tried again"
    ),
    (Delivery.State.PLANNED, 503): gettext_lazy("The service was busy; will be tried again"),
    (Delivery.State.REFUSED, 404): gettext_lazy(
        "Not found, by an answer that does not prove that the device left"
    ),
}
SERVICES = {
    "apns": "Apple",
    "apple": "Apple",
    "fcm": "Firebase",
    "mozilla": "Mozilla",
    "wns": "Windows",
}
NAMES = (*SERVICES.values(), "Beckon")


def words(state: int, reason: str, status_code: int | None) -> str:
    """What happened to one delivery, as a sentence for a list: "410: the device left …"."""
    said = _said(state, reason, status_code)
    if not status_code:
        return said
    # A name keeps its capital.
    named = said.startswith(NAMES)
    return f"{status_code}: {said if named else said[:1].lower() + said[1:]}"


def _said(state: int, reason: str, status_code: int | None) -> str:
    if reason in REASONS:
        return str(REASONS[reason])
    if reason.startswith("aborted"):
        return skipped(reason)
    if reason in ("", str(status_code)) and (state, status_code) in BY_STATUS:
        return str(BY_STATUS[state, status_code or 0])
    service, _underscore, code = reason.partition("_")
    if service in SERVICES and code:
        return _("%(service)s says “%(code)s”") % {"service": SERVICES[service], "code": code}
    plain = str(PLAIN[state])
    return plain if not reason or reason == str(status_code) else f"{plain} ({reason})"


def skipped(reason: str) -> str:
    """Why somebody was skipped, for a list of reasons with their counts."""
    code, _colon, why = reason.partition(":")
    if code == "aborted":
        stops = _("The message stops itself: %(why)s") % {"why": why}
        return stops if why else _("The message stops itself")
    return str(REASONS.get(reason, reason.replace("_", " ").capitalize()))
