"""What a site proves itself with at push services, and what these are called."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Site

# Hosts of push services, or ends of them, and what people call the service.
PUSH_SERVICES = (
    ("googleapis.com", "Google FCM"),
    ("google.com", "Google FCM"),
    ("push.services.mozilla.com", "Mozilla"),
    ("push.apple.com", "Apple"),
    ("notify.windows.com", "Windows"),
)


# Of apps, by what their addresses begin with (subscribers.transports.addresses).
APP_SERVICES = {
    "fcm": "Firebase (apps)",
    "apns": "Apple (apps)",
    "apns+sandbox": "Apple sandbox (apps)",
}


def service_of(address: str) -> str:
    """The name of the push service at an endpoint or origin, else its host."""
    scheme, _colon, _rest = address.partition("://")
    if scheme in APP_SERVICES:
        return APP_SERVICES[scheme]
    host = urlsplit(address).hostname or ""
    for suffix, name in PUSH_SERVICES:
        if host == suffix or host.endswith(f".{suffix}"):
            return name
    return host


class Channel(models.TextChoices):
    """The kinds of push services. An address belongs to one of them."""

    WEB = "web", _("Web push")
    FCM = "fcm", _("Apps through Firebase (FCM)")
    APNS = "apns", _("Apps through Apple (APNs)")


class Credential(models.Model):
    """What a site shows push services to prove who it is. A device keeps the one it came with.

    WEB: a VAPID key pair. FCM: the service account of a Firebase project. APNS: a signing key of an
    Apple developer team.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="credentials")
    channel = models.CharField(max_length=4, choices=Channel.choices, default=Channel.WEB)
    # FCM: the project's id; APNS: the team's; WEB: "".
    name = models.CharField(max_length=100, blank=True)
    # WEB: uncompressed P-256 point, 65 bytes (RFC 8292 section 3.2); else empty.
    public_key = models.BinaryField(max_length=65, default=b"")
    # Encrypted, accounts.crypto. WEB: the scalar; FCM: the uploaded JSON; APNS: the .p8 file.
    private_key = models.BinaryField()
    # FCM: {"client_email": str, "key_id": str}; APNS: {"key_id": str, "bundle_ids": [str]}
    details = models.JSONField(default=dict, blank=True)
    # FCM's access token, APNs' provider token: of all senders, encrypted; null before the first.
    token = models.BinaryField(null=True)
    token_at = models.DateTimeField(null=True)
    token_until = models.DateTimeField(null=True)
    # The last test of it, and what was wrong then; "" for nothing.
    checked_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=400, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    # Set when a newer one took its place: no new subscriptions, still sends to its own.
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "channel"],
                condition=Q(retired_at=None),
                name="credential_one_current",
            ),
            models.UniqueConstraint(
                fields=["site", "public_key"],
                condition=Q(channel=Channel.WEB),
                name="credential_key_once",
            ),
            models.UniqueConstraint(
                fields=["site", "channel", "name"],
                condition=~Q(channel=Channel.WEB),
                name="credential_name_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} credential {self.name or self.pk}"
