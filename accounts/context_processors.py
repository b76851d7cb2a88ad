"""What every page of the shell needs."""

from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.access import sites_of
from accounts.models import User


def shell(request: HttpRequest) -> dict[str, Any]:
    """The current site, the viewer's role on it, the sites to switch to, and if the demo runs."""
    demo = {"demo": settings.DEMO}
    site = getattr(request, "site", None)
    user = getattr(request, "user", None)
    if site is None or not isinstance(user, User):
        return demo
    return {
        **demo,
        "site": site,
        "role": getattr(request, "role", None),
        "sites": SimpleLazyObject(partial(sites_of, user)),
    }
