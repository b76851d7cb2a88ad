"""What the short codes on the ledger mean, in words for people."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.models import Delivery

REASONS: dict[str, Promise] = {
    "no_consent": _("Left before it was their turn"),
    "gone_before": _("The device was gone before its turn"),
    "erased": _("Erased before it was their turn"),
    "sender_died": _("The sender stopped while the request was on its way; not repeated"),
    "retries_exhausted": _("The push service kept asking us to wait"),
    "not_encodable": _("The device's keys can't be used"),
    "timeout_after_request": _("No answer after the request left; not repeated"),
    "reset_after_request": _("Connection lost after the request left; not repeated"),
}


def words(state: int, reason: str, status_code: int | None) -> str:
    """What happened to one delivery, as a sentence for a list."""
    if reason in REASONS:
        return str(REASONS[reason])
    label = str(Delivery.State(state).label)
    answer = f" ({status_code})" if status_code else ""
    return f"{label}{answer}" if not reason or reason == str(status_code) else f"{reason}{answer}"
