"""Server keys of a site: made, checked, revoked; and how the REST API asks for them."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from redis.exceptions import RedisError
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts import audit
from accounts.models import ApiKey, Site, User

if TYPE_CHECKING:  # its module reads the setting that names the classes in here
    from rest_framework.views import APIView

PREFIX = "bk_"
USED_EVERY = timedelta(minutes=1)
# Requests of one key in a minute.
RATE = 600


def digest(text: str) -> bytes:
    """What is stored of a key: 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(text.encode()).digest()


def create(
    site: Site,
    name: str,
    scopes: Sequence[str],
    by: User | None = None,
    expires: datetime | None = None,
    by_name: str = "",
) -> tuple[ApiKey, str]:
    """A new key and its text, which nobody can see again. ValidationError for unknown scopes."""
    unknown = [scope for scope in scopes if scope not in ApiKey.Scope.values]
    if unknown or not scopes:
        raise ValidationError(
            _("“%(scope)s” is not a scope. Choose from: %(known)s."),
            params={"scope": ", ".join(unknown), "known": ", ".join(ApiKey.Scope.values)},
        )
    text = PREFIX + secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        site=site,
        name=name,
        prefix=text[:10],
        secret_hash=digest(text),
        scopes=[ApiKey.Scope.ALL] if ApiKey.Scope.ALL in scopes else list(scopes),
        created_by=by,
        expires_at=expires,
    )
    audit.record(
        "key.created", site=site, actor=by, actor_name=by_name, target=key, scopes=key.scopes
    )
    return key, text


def revoke(key: ApiKey, *, by: User) -> bool:
    """End a key at once; False if it had been revoked before."""
    ended = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
    if ended:
        audit.record("key.revoked", site=key.site, actor=by, target=key)
    return bool(ended)


def find(text: str) -> ApiKey | None:
    """The key with this text, whatever its state. One hash and one look-up, found or not."""
    return ApiKey.objects.select_related("site").filter(secret_hash=digest(text)).first()


def note_use(key: ApiKey) -> None:
    """Remember when a key was last used, at most once a minute."""
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at < now - USED_EVERY:
        ApiKey.objects.filter(
            Q(last_used_at=None) | Q(last_used_at__lt=now - USED_EVERY), pk=key.pk
        ).update(last_used_at=now)


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer KEY`. Gives request.auth, an ApiKey with its site loaded."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey] | None:
        scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer":
            raise AuthenticationFailed(_("Send the key as “Authorization: Bearer KEY”."))
        key = find(text.strip())
        if key is None:
            raise AuthenticationFailed(_("This API key is unknown."))
        if key.revoked_at is not None:
            raise AuthenticationFailed(_("This API key has been revoked."))
        if key.expired:
            raise AuthenticationFailed(_("This API key has expired."))
        note_use(key)
        return None, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Beckon API"'


class HasScope(BasePermission):
    """Lets a key in whose scopes include the one that the view asks for by method.

    A view says `required_scopes = {"GET": "subscribers:read", ...}`, several with spaces between
    them; one that says nothing, or nothing for the method, lets nobody in.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        key = request.auth
        if not isinstance(key, ApiKey):
            return False
        method = "GET" if request.method == "HEAD" else str(request.method)
        scopes = getattr(view, "required_scopes", {}).get(method, "").split()
        lacking = [scope for scope in scopes if not key.may(scope)]
        if lacking:
            self.message = _("This key lacks the scope %(scope)s.") % {"scope": lacking[0]}
        return bool(scopes) and not lacking


class ApiKeyThrottle(BaseThrottle):
    """At most RATE requests a minute for each key, counted in Redis. Without Redis: no limit."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        key = request.auth
        if not isinstance(key, ApiKey):
            return True
        counter = f"api:{key.pk}:{int(time.time() // 60)}"
        try:
            cache.add(counter, 0, timeout=120)
            return cache.incr(counter) <= RATE
        except (RedisError, ValueError):
            return True

    def wait(self) -> float:
        return 60 - time.time() % 60


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How docs/openapi.yaml describes the key."""

    target_class = "accounts.api_keys.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A key of one site."}
