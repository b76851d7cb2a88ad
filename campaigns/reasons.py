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
    # Unknown
    "sender_died": gettext_lazy(
        "The sender stopped while the request was on its way; not repeated"
    ),
    "timeout_after_request": gettext_lazy("No answer after the request left; not repeated"),
    "reset_after_request": gettext_lazy("Connection lost after the request left; not repeated"),
    "not_sent_again": gettext_lazy(
        "It was to be sent again, but the campaign was cancelled first; it may have arrived"
    ),
    # Expired
    "retries_exhausted": gettext_lazy("The push service kept asking us to wait"),
    # Refused
    "blocked_address": gettext_lazy("The address points into a private network; nothing was sent"),
    "endpoint_malformed": gettext_lazy("The device's address can't be used"),
    "internal_error": gettext_lazy("Beckon could not make the request; nothing was sent"),
    "not_encodable": gettext_lazy("The device's keys can't be used"),
    "payload_too_large": gettext_lazy("The message is too large for this service"),
    "redirect": gettext_lazy("The service pointed elsewhere; Beckon does not follow"),
    "vapid_rejected": gettext_lazy("The service refuses our key"),
    "vapid_mismatch": gettext_lazy("The device subscribed with another key"),
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
}
WAITING: dict[int, Promise] = {
    429: gettext_lazy("The service asked us to slow down; will be tried again"),
    503: gettext_lazy("The service was busy; will be tried again"),
}
SERVICES = {"apple": "Apple", "mozilla": "Mozilla", "wns": "Windows"}


def words(state: int, reason: str, status_code: int | None) -> str:
    """What happened to one delivery, as a sentence for a list: "410: the device left …"."""
    said = _said(state, reason, status_code)
    return f"{status_code}: {said[:1].lower()}{said[1:]}" if status_code else said


def _said(state: int, reason: str, status_code: int | None) -> str:
    if reason in REASONS:
        return str(REASONS[reason])
    if state == Delivery.State.PLANNED and status_code in WAITING:
        return str(WAITING[status_code])
    service, _underscore, code = reason.partition("_")
    if service in SERVICES and code:
        return _("%(service)s says “%(code)s”") % {"service": SERVICES[service], "code": code}
    plain = str(PLAIN[state])
    return plain if not reason or reason == str(status_code) else f"{plain} ({reason})"


def skipped(reason: str) -> str:
    """Why somebody was skipped, for a list of reasons with their counts."""
    return str(REASONS.get(reason, reason.replace("_", " ").capitalize()))
