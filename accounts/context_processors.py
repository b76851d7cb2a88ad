"""What every page of the shell needs."""

from typing import Any

from django.http import HttpRequest

from accounts.access import sites_of
from accounts.models import User


def shell(request: HttpRequest) -> dict[str, Any]:
    """The current site, the viewer's role on it and the sites to switch to."""
    site = getattr(request, "site", None)
    user = getattr(request, "user", None)
    if site is None or not isinstance(user, User):
        return {}
    return {"site": site, "role": getattr(request, "role", None), "sites": lambda: sites_of(user)}
