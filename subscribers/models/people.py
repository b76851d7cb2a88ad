"""People who gave permission, the addresses at which they can be reached, and the proof."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Site, User
from subscribers.models.credentials import Channel, Credential, service_of
from subscribers.transports.addresses import APNS_SANDBOX

if TYPE_CHECKING:
    from subscribers.transports.messages import Endpoint


class Prompt(models.Model):
    """The site's own question, asked before the browser's. A row is one immutable version."""

    class Trigger(models.TextChoices):
        CLICK = "click", _("After the visitor's first click or key press")
        DELAY = "delay", _("After some seconds on the page")
        VIEWS = "views", _("After some page views")

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="prompts")
    version = models.PositiveIntegerField()
    enabled = models.BooleanField(_("ask visitors"), default=True)
    title = models.CharField(_("title"), max_length=60)
    body = models.CharField(_("text"), max_length=160)
    yes = models.CharField(_("yes button"), max_length=24)
    no = models.CharField(_("no button"), max_length=24)
    trigger = models.CharField(
        _("when"), max_length=5, choices=Trigger.choices, default=Trigger.CLICK
    )
    # Seconds for DELAY, page views for VIEWS, 0 for CLICK.
    after = models.PositiveSmallIntegerField(_("after"), default=0)
    color = models.CharField(
        _("button colour"),
        max_length=7,
        default="#B4430E",
        validators=[RegexValidator(r"^#[0-9a-fA-F]{6}\Z")],
    )
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "version"], name="prompt_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.title} (version {self.version})"


class Installation(models.Model):
    """What has been seen of the snippet on a site's pages."""

    site = models.OneToOneField(Site, on_delete=models.CASCADE, primary_key=True)
    snippet_seen_at = models.DateTimeField(null=True)
    snippet_page = models.CharField(max_length=500, blank=True)
    # An origin that loads the snippet but is not in the site's list.
    foreign_origin = models.CharField(max_length=255, blank=True)
    foreign_seen_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"Snippet on {self.site_id}"


class Subscriber(models.Model):
    """A person, with one or more devices."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="subscribers")
    external_id = models.CharField(_("external id"), max_length=128, blank=True)
    tags = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    # What the person chose to hear about, as the site names it.
    topics = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    # Hex SHA-256 of the trimmed, lower-case e-mail address, "" where none is known
    # (subscribers.emails). Lists may name people by it, so that no address need be uploaded.
    email_hash = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "external_id"],
                condition=~Q(external_id=""),
                name="subscriber_external_id_once",
            )
        ]
        indexes = [
            # Serves the people list, newest first, by keyset.
            models.Index(fields=["site", "-created_at", "id"], name="subscriber_newest"),
            # Serves the tag condition of audiences, and the search of people.
            GinIndex(fields=["tags"], name="subscriber_tags"),
            # Serves lists that name people by the hash of an e-mail address.
            models.Index(
                fields=["site", "email_hash"],
                condition=~Q(email_hash=""),
                name="subscriber_email_hash",
            ),
            # Both serve the search of people by the beginning of an external id or a name.
            models.Index(
                F("site"),
                OpClass(Lower("external_id"), name="text_pattern_ops"),
                condition=~Q(external_id=""),
                name="subscriber_find_id",
            ),
            models.Index(
                F("site"),
                OpClass(
                    Lower(
                        Coalesce(
                            KeyTextTransform("name", "attributes"),
                            KeyTextTransform("first_name", "attributes"),
                        )
                    ),
                    name="text_pattern_ops",
                ),
                name="subscriber_find_name",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """What pages call this person: a name that the site gave, its id, else a short code."""
        return self.name or self.external_id or f"Visitor {str(self.id)[:8]}"

    @property
    def name(self) -> str:
        """The name that the site gave, "" if none."""
        given = (self.attributes.get(key) for key in ("name", "first_name"))
        return next((str(name) for name in given if name and not isinstance(name, list)), "")

    @property
    def details(self) -> list[tuple[str, list[Any]]]:
        """The attributes by name, each with its values: one, or what is in a list.

        Not a dict: a name may be anything, also "items".
        """
        return [
            (name, value if isinstance(value, list) else [value])
            for name, value in sorted(self.attributes.items())
        ]


def device_name(browser: str, platform: str) -> str:
    """Such as "Firefox, Linux"."""
    return ", ".join(part for part in (browser, platform) if part) or str(_("Unknown device"))


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def active(self) -> Self:
        """Those that a campaign may reach."""
        return self.filter(state=Subscription.State.ACTIVE)


class Subscription(models.Model):
    """One address on one device by one channel."""

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        # The person left, by us or by taking the browser's permission back.
        UNSUBSCRIBED = "unsubscribed", _("Unsubscribed")
        # The push service said 404 or 410. Soft: a later visit restores it.
        GONE = "gone", _("Gone")
        # No address: push was not allowed, but the app or page shows an inbox.
        INBOX = "inbox", _("Inbox only")

    # Who takes part in a campaign that is also in the inbox.
    REACHABLE = (State.ACTIVE, State.INBOX)

    id = models.BigAutoField(primary_key=True)
    # The only name that leaves the server.
    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="subscriptions")
    subscriber = models.ForeignKey(
        Subscriber, on_delete=models.CASCADE, related_name="subscriptions"
    )
    channel = models.CharField(max_length=8, choices=Channel.choices, default=Channel.WEB)
    state = models.CharField(max_length=12, choices=State.choices, default=State.ACTIVE)
    state_at = models.DateTimeField(default=timezone.now)
    # A capability: whoever knows it can send. Never logged, never shown (RFC 8030 section 8.3).
    # FCM, APNS: see subscribers.transports.addresses. Inbox only: "inbox:" and the install id.
    endpoint = models.TextField()
    endpoint_hash = models.BinaryField(max_length=32)
    # Of browsers; else empty.
    p256dh = models.BinaryField(max_length=65, default=b"")
    auth = models.BinaryField(max_length=16, default=b"")
    # Null where there is no address.
    credential = models.ForeignKey(
        Credential, null=True, on_delete=models.PROTECT, related_name="subscriptions"
    )
    # Made by the snippet or the app and kept there: a rotated address replaces, never duplicates.
    # Of an app it is also the proof that a request comes from it, so it is never shown.
    install_id = models.UUIDField(null=True)
    language = models.CharField(max_length=35, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    browser = models.CharField(max_length=40, blank=True)
    platform = models.CharField(max_length=40, blank=True)
    # Of an app, as it names it: "4.12.0".
    app_version = models.CharField(max_length=40, blank=True)
    # When it passed from one named person to another; what was sent before is not theirs to read.
    moved_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "endpoint_hash"], name="subscription_endpoint_once"
            ),
            models.UniqueConstraint(
                fields=["site", "install_id"],
                condition=Q(install_id__isnull=False),
                name="subscription_install_once",
            ),
        ]
        indexes = [
            # Serves planning: those of a site that take part, in keyset order.
            models.Index(
                fields=["site", "id"],
                condition=Q(state__in=["active", "inbox"]),
                name="subscription_reachable",
            ),
            # Serves the counting of audiences: all that a rule asks of a device, by person, without
            # a look at the rows, most of which is addresses and keys. What a visit writes
            # (last_seen_at) is not in it.
            models.Index(
                fields=["site", "subscriber"],
                include=[
                    *("id", "state", "channel", "language"),
                    *("time_zone", "browser", "platform", "app_version", "created_at"),
                ],
                name="subscription_of_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device} {self.public_id}"

    @property
    def device(self) -> str:
        """What pages call it, such as "Firefox, Linux" or "Android app"."""
        if self.is_app and self.platform:
            return str(_("%(platform)s app") % {"platform": self.platform})
        return device_name(self.browser, self.platform)

    @property
    def is_app(self) -> bool:
        return self.channel != Channel.WEB

    @property
    def is_sandbox(self) -> bool:
        """Whether it is a development build of an app, which Apple serves apart."""
        return self.endpoint.startswith(f"{APNS_SANDBOX}://")

    @property
    def service(self) -> str:
        """The push service by name or host: all of the endpoint that a page may show."""
        return service_of(self.endpoint)

    def address(self) -> Endpoint:
        """What web push needs to reach a browser. Load `credential` with it."""
        from subscribers import vapid
        from subscribers.transports.messages import Endpoint

        assert self.credential is not None  # noqa: S101 - no browser without one
        return Endpoint(
            url=self.endpoint,
            p256dh=bytes(self.p256dh),
            auth=bytes(self.auth),
            vapid=vapid.identity(self.credential),
        )


class ConsentRecord(models.Model):
    """What happened to a permission, when, where and in which words. Append-only."""

    class Action(models.TextChoices):
        GRANTED = "granted", _("Gave permission")
        RESTORED = "restored", _("Came back")
        UNSUBSCRIBED = "unsubscribed", _("Unsubscribed")
        DENIED = "denied", _("Blocked in the browser")
        GONE = "gone", _("Gone: the push service closed the address")
        REMOVED = "removed", _("Unsubscribed by the team")

    GAINS = (Action.GRANTED, Action.RESTORED)

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="consents")
    subscription = models.ForeignKey(
        Subscription, on_delete=models.CASCADE, related_name="consents"
    )
    action = models.CharField(max_length=12, choices=Action.choices)
    at = models.DateTimeField(default=timezone.now)
    # Who did it, when it was not the person.
    actor = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    # The very words that were agreed to.
    prompt = models.ForeignKey(Prompt, null=True, on_delete=models.PROTECT, related_name="consents")
    page = models.CharField(max_length=500, blank=True)
    # What an app asked, in its own words.
    wording = models.CharField(max_length=500, blank=True)
    language = models.CharField(max_length=35, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    browser = models.CharField(max_length=40, blank=True)
    platform = models.CharField(max_length=40, blank=True)

    class Meta:
        # Serves the overview: gains and losses of a site by day.
        indexes = [models.Index(fields=["site", "at"], name="consent_by_day")]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.at:%Y-%m-%d}"

    @property
    def is_gain(self) -> bool:
        """Whether it gave permission."""
        return self.action in self.GAINS

    @property
    def device(self) -> str:
        """What pages call the device that it happened on."""
        return device_name(self.browser, self.platform)


class ErasedMark(models.Model):
    """A browser or an address of a person who was erased, as a keyed hash (`erasure.py`)."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    mark = models.BinaryField(max_length=32)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "mark"], name="erased_mark_once")]

    def __str__(self) -> str:
        return f"Erased mark {self.pk}"


class TestDevice(models.Model):
    """A subscription that a member calls their own, for test messages."""

    __test__ = False  # not a test class, whatever pytest thinks

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="test_devices")
    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="testers")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "subscription"], name="test_device_once")
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.subscription}"
