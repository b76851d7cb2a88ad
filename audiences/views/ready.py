"""Ready-made audiences, offered beside the list."""

from __future__ import annotations

import hashlib
import json

from django.contrib import messages
from django.core.cache import cache
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from redis.exceptions import RedisError

from accounts.access import SiteRequest, member
from accounts.models import Role, Site
from audiences import counting, ready, rules, saving
from audiences.counting import Reach, TooLong
from audiences.ready import Ready

# Who only looks at the cards need not have everybody counted anew.
KEEP_SECONDS = 600


@member(Role.VIEWER)
@require_GET
def cards(request: SiteRequest) -> HttpResponse:
    """Those that nobody has taken yet; each card asks for its own figure."""
    context = {
        "offers": ready.missing(request.site),
        "may_write": request.role.includes(Role.MARKETER),
    }
    return render(request, "audiences/index_cards.html", context)


@member(Role.VIEWER)
@require_GET
def count(request: SiteRequest) -> HttpResponse:
    """How many people one has now: that with a `key`, else everyone."""
    offer = offered(request, request.GET.get("key", "everyone"))
    return render(request, "audiences/index_count.html", {"reach": reach_of(request.site, offer)})


@member(Role.MARKETER)
@require_POST
def take(request: SiteRequest) -> HttpResponse:
    """Make a named audience of one."""
    offer = offered(request, request.POST.get("key", ""))
    try:
        saving.create(request.site, offer.name, offer.rule, by=request.user)
    except saving.Refused as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, _("“%(name)s” is made.") % {"name": offer.name})
    return redirect("audiences:index", request.site.pk)


def offered(request: SiteRequest, key: str) -> Ready:
    """The one with a key, else 404."""
    found = ready.find(request.site, key)
    if found is None:
        raise Http404
    return found


def reach_of(site: Site, offer: Ready) -> Reach | None:
    """Its reach, a few minutes old at most; None where it took too long."""
    digest = hashlib.sha256(json.dumps(offer.rule, sort_keys=True).encode()).hexdigest()
    key = f"ready:{site.pk}:{digest}"
    try:
        kept: Reach | None = cache.get(key)
    except RedisError:
        kept = None
    if kept is not None:
        return kept
    try:
        reach = counting.count(site, rules.parse(offer.rule))
    except TooLong:
        return None
    try:
        cache.set(key, reach, KEEP_SECONDS)
    except RedisError:
        return reach
    return reach
