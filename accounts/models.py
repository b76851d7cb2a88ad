"""People who run Beckon, the sites that they run, and what each may do there."""

from __future__ import annotations

import secrets
import string
import uuid
from collections.abc import Iterator
from typing import Any, ClassVar, Self
from zoneinfo import ZoneInfo

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import crypto


def normal_email(email: str) -> str:
    """The one spelling under which an address is stored and looked up."""
    return email.strip().lower()


LETTERS = string.ascii_letters + string.digits


def random_key() -> str:
    """A public identifier: 22 letters and digits, 131 random bits, safe in URLs and shells."""
    return "".join(secrets.choice(LETTERS) for _ in range(22))


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=normal_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=normal_email(username or ""))


class User(AbstractBaseUser):
    """Somebody who signs in. What they may do is in their memberships."""

    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    # The installation's owner: may create sites.
    is_owner = models.BooleanField(default=False)
    # Part of the hash that every session carries: counting up signs the person out everywhere.
    session_version = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_any_case")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_session_auth_hash(self) -> str:
        """What a session must carry to stay valid: changes with the password and the version."""
        return self._versioned(super().get_session_auth_hash())

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """The same under SECRET_KEY_FALLBACKS, so that a new key signs nobody out."""
        for fallback in super().get_session_auth_fallback_hash():
            yield self._versioned(fallback)

    def _versioned(self, auth_hash: str) -> str:
        return f"{auth_hash}.{self.session_version}"

    @property
    def initials(self) -> str:
        parts = (self.name or self.email).split()
        return "".join(part[0] for part in parts[:2]).upper()


class Site(models.Model):
    """A website (later also an app) that collects subscribers. Everything else belongs to one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=80)
    # Public: stands in the snippet and in the ingest addresses.
    key = models.CharField(max_length=22, unique=True, default=random_key, editable=False)
    origins = ArrayField(models.CharField(max_length=255), verbose_name=_("origins"))
    language = models.CharField(_("language"), max_length=35, default="en")
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    icon_url = models.URLField(_("icon"), max_length=500, blank=True)
    default_url = models.URLField(_("default address"), max_length=1000, blank=True)
    # Signed identity: while required, an external id without a valid HMAC is ignored.
    identity_secret = models.BinaryField(default=crypto.new_encrypted_secret, editable=False)
    identity_required = models.BooleanField(_("require signed identity"), default=False)
    # PEM of a P-256 key: identities may also be signed by its private half (ES256); "" for none.
    identity_public_key = models.TextField(blank=True)
    # Stands in the site's apps, so it is no secret: what registers devices there. "" for none.
    app_key = models.CharField(max_length=40, blank=True, editable=False)
    # All campaigns of the site together send at most so many messages a minute; null: no limit.
    throttle = models.PositiveIntegerField(
        _("messages a minute"), null=True, blank=True, validators=[MinValueValidator(6)]
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def initials(self) -> str:
        return "".join(word[0] for word in self.name.split() if word[0].isalnum())[:2].upper()

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def host(self) -> str:
        return self.origins[0].split("//", 1)[-1] if self.origins else ""


class Role(models.TextChoices):
    """What a member may do on a site; each includes the ones after it."""

    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    MARKETER = "marketer", _("Marketer")
    VIEWER = "viewer", _("Viewer")

    @property
    def rank(self) -> int:
        return list(Role)[::-1].index(self)

    def includes(self, other: Role) -> bool:
        return self.rank >= other.rank


class Membership(models.Model):
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "user"], name="membership_once"),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="membership_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()}"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> Self:
        """Neither used nor expired."""
        return self.filter(used_at=None, expires_at__gt=timezone.now())


class Invitation(models.Model):
    """A link that is used once: to a site, to a new password, or to the first owner's account.

    With a site: makes its holder a member. Without: sets the password of the user with this
    e-mail; without an e-mail too, creates the installation's first owner.
    """

    # SHA-256 of the token: the link itself is shown once and never stored.
    token_hash = models.BinaryField(unique=True)
    site = models.ForeignKey(Site, null=True, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(_("e-mail"), blank=True)
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.VIEWER)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    objects = InvitationQuerySet.as_manager()

    def __str__(self) -> str:
        return self.email or "first owner"


class ApiKey(models.Model):
    """A server key of one site. Shown once; only its SHA-256 is kept (push-reference 4.1, 20)."""

    class Scope(models.TextChoices):
        ALL = "all", _("Everything")
        SUBSCRIBERS_READ = "subscribers:read", _("Read subscribers")
        SUBSCRIBERS_WRITE = "subscribers:write", _("Change subscribers")
        EVENTS_WRITE = "events:write", _("Report events")
        AUDIENCES_READ = "audiences:read", _("Read audiences and lists")
        AUDIENCES_WRITE = "audiences:write", _("Change audiences and lists")
        CAMPAIGNS_READ = "campaigns:read", _("Read campaigns and reports")
        CAMPAIGNS_WRITE = "campaigns:write", _("Write campaigns")
        CAMPAIGNS_SEND = "campaigns:send", _("Start and cancel campaigns")

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(_("name"), max_length=80)
    # The first characters, so that a person can tell keys apart.
    prefix = models.CharField(max_length=12)
    secret_hash = models.BinaryField(unique=True)
    scopes = ArrayField(models.CharField(max_length=20), verbose_name=_("may"))
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def live(self) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and not self.expired

    @property
    def expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    def may(self, scope: str) -> bool:
        return self.Scope.ALL in self.scopes or scope in self.scopes


class AuditEvent(models.Model):
    """What somebody did that others may ask about later. Append-only."""

    site = models.ForeignKey(Site, null=True, on_delete=models.CASCADE, related_name="audit")
    at = models.DateTimeField(default=timezone.now)
    actor = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    # The actor's name at that time, also for API keys and the command line.
    actor_name = models.CharField(max_length=150)
    action = models.CharField(max_length=40)
    target = models.CharField(max_length=200, blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        # Serves the audit page: the newest of one site.
        indexes = [models.Index(fields=["site", "-at"], name="audit_newest")]

    def __str__(self) -> str:
        return f"{self.actor_name}: {self.action} {self.target}"

    @property
    def words(self) -> str:
        """What pages call it."""
        from accounts import audit

        return audit.label(self.action)

    @property
    def about(self) -> str:
        """Whom or what it concerned, and the particulars, in one line."""
        particulars = ", ".join(
            f"{name.replace('_', ' ')}: {', '.join(value) if isinstance(value, list) else value}"
            for name, value in self.detail.items()
        )
        return " · ".join(part for part in (self.target, particulars) if part)
