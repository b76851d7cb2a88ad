"""Tries to sign in, counted in Redis by account and by address for all processes together."""

import time
from typing import Any

from axes.handlers.cache import AxesCacheHandler
from axes.helpers import get_cache_timeout, get_client_cache_keys, get_failure_limit
from django.http import HttpRequest

from accounts.models import normal_email


def account_of(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """The account that a try is counted for: one, however its address is spelt."""
    given = (credentials or {}).get("username") or request.POST.get("username") or ""
    return normal_email(str(given))


class SignInThrottle(AxesCacheHandler):  # type: ignore[misc]
    """django-axes' counters, and when they end."""

    def user_login_failed(
        self,
        sender: Any,
        credentials: dict[str, Any],
        request: HttpRequest | None = None,
        **kwargs: Any,
    ) -> None:
        # Refused tries are not counted, so that trying on does not keep the owner out for ever.
        refused = getattr(request, "axes_locked_out", False)
        super().user_login_failed(sender, credentials, request, **kwargs)
        if request is None or refused:
            return
        lasts = get_cache_timeout(request)
        keys = get_client_cache_keys(request, credentials)
        self.cache.set_many({_ends(key): time.time() + lasts for key in keys}, timeout=lasts)

    def user_logged_in(self, sender: Any, request: HttpRequest, user: Any, **kwargs: Any) -> None:
        """Forget the tries of the account alone.

        Were the address forgotten too, anybody with an account could guess at the others from one
        address for ever, by signing in to their own between two tries.
        """
        account, _address = get_client_cache_keys(request, {"username": user.get_username()})
        self.cache.delete_many([account, _ends(account)])

    def ends_at(self, request: HttpRequest, credentials: dict[str, Any] | None) -> float:
        """When the last of the locks on this account and address ends, as a UNIX time."""
        keys = get_client_cache_keys(request, credentials)
        limit = get_failure_limit(request, credentials)
        locked = [key for key in keys if (self.cache.get(key) or 0) >= limit]
        ends = self.cache.get_many([_ends(key) for key in locked]).values()
        return float(max(ends, default=time.time()))


def _ends(key: str) -> str:
    return f"{key}-ends"
