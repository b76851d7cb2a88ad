"""Signing in and out, and what ends a session."""

from django.contrib.auth import login, logout, update_session_auth_hash
from django.db.models import F
from django.http import HttpRequest

from accounts import audit
from accounts.addresses import client_address
from accounts.models import User

BACKEND = "django.contrib.auth.backends.ModelBackend"


def sign_in(request: HttpRequest, user: User) -> None:
    """Begin a session under a new key, so that one planted before is worth nothing."""
    login(request, user, backend=BACKEND)
    audit.record("user.signed_in", actor=user, address=client_address(request))


def sign_out(request: HttpRequest) -> None:
    """End this session."""
    if isinstance(request.user, User):
        audit.record("user.signed_out", actor=request.user, address=client_address(request))
    logout(request)


def set_password(user: User, password: str) -> None:
    """Store a new password. Every session of the user ends, for each carries a hash of it."""
    user.set_password(password)
    user.save(update_fields=["password"])
    audit.record("user.password_changed", actor=user)


def change_own_password(request: HttpRequest, user: User, password: str) -> None:
    """Store a new password and keep this session alone."""
    set_password(user, password)
    update_session_auth_hash(request, user)


def sign_out_others(request: HttpRequest, user: User) -> None:
    """End every session of the user but this one."""
    User.objects.filter(pk=user.pk).update(session_version=F("session_version") + 1)
    user.refresh_from_db(fields=["session_version"])
    update_session_auth_hash(request, user)
    audit.record("user.signed_out_everywhere", actor=user)
