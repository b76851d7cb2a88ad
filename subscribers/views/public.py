"""What pages of strangers talk to: JSON, CORS for the site's own origins, no cookies, no session.

The protocol is in docs/web-developer.md. A browser always sends `Origin` with a POST; a request
without one comes from a server or a script, which could forge it anyway.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from accounts.addresses import client_address
from subscribers import consent, identity, incoming, ingest, installation, limits, vapid
from subscribers.incoming import Refused
from subscribers.ingest import Ring
from subscribers.models import ConsentRecord, Prompt

P = ParamSpec("P")
METHODS = {"GET": "GET, OPTIONS", "POST": "POST, OPTIONS", "one": "PATCH, DELETE, POST, OPTIONS"}


def public(
    allowed: str, *, headers: str = "Content-Type"
) -> Callable[
    [Callable[Concatenate[HttpRequest, Ring, P], HttpResponse]], Callable[..., HttpResponse]
]:
    """A public view of one site: finds it, keeps foreign origins out, turns refusals into JSON."""

    def decorate(
        view: Callable[Concatenate[HttpRequest, Ring, P], HttpResponse],
    ) -> Callable[..., HttpResponse]:
        @csrf_exempt
        @login_not_required
        @wraps(view)
        def guarded(
            request: HttpRequest, site_key: str, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponse:
            ring = ingest.ring(site_key)
            origin = request.headers.get("Origin", "")
            try:
                if ring is None:
                    raise Refused("not_found", "There is no such site.", status=404)
                _check_origin(ring, origin)
                if request.method == "OPTIONS":
                    return _shared(_preflight(allowed, headers), origin)
                return _shared(view(request, ring, *args, **kwargs), origin)
            except Refused as error:
                ours = ring is not None and origin in ring.site.origins
                return _shared(refusal(error, allowed), origin if ours else "")

        return guarded

    return decorate


@public(METHODS["GET"])
def config(request: HttpRequest, ring: Ring) -> HttpResponse:
    """GET …/config.json: what the snippet needs to know."""
    if request.method not in {"GET", "HEAD"}:
        raise Refused("method", "Only GET is answered here.", status=405)
    site = ring.site
    installation.seen(site, request.headers.get("Origin", ""), request.headers.get("Referer", ""))
    prompt = Prompt.objects.filter(site=site).order_by("-version").first()
    answer = {
        "site": site.name,
        "icon": site.icon_url,
        "key": vapid.public_text(ring.current),
        "language": site.language,
        "prompt": _prompt(prompt) if prompt and prompt.enabled else None,
    }
    return JsonResponse(answer, headers={"Cache-Control": "public, max-age=60"})


@public(METHODS["POST"])
def subscriptions(request: HttpRequest, ring: Ring) -> HttpResponse:
    """POST …/subscriptions/: a browser subscribed, or reports itself again."""
    if request.method != "POST":
        raise Refused("method", "Only POST is answered here.", status=405)
    wanted = incoming.read_subscription(body(request, ring))
    agent = request.headers.get("User-Agent", "")
    subscription, new = ingest.subscribe(ring, wanted, user_agent=agent)
    answer = {
        "id": str(subscription.public_id),
        "key": vapid.public_text(ring.current),
        "state": subscription.state,
    }
    return JsonResponse(answer, status=201 if new else 200)


@public(METHODS["one"])
def subscription(request: HttpRequest, ring: Ring, public_id: UUID) -> HttpResponse:
    """PATCH or DELETE …/subscriptions/{id}/, also as POST with ?_method= to need no preflight."""
    method = request.method or ""
    if method == "POST":
        method = request.GET.get("_method", "")
    if method not in {"PATCH", "DELETE"}:
        raise Refused("method", "Only PATCH and DELETE are answered here.", status=405)
    data = body(request, ring)
    found = ingest.proven(ring.site, public_id, incoming.read_proof(data))
    if method == "DELETE":
        denied = data.get("reason") == "denied"
        action = ConsentRecord.Action.DENIED if denied else ConsentRecord.Action.UNSUBSCRIBED
        consent.leave(found, action)
        return HttpResponse(status=204)
    wanted = incoming.read_change(data)
    identity.check_signature(ring.site, wanted)
    identity.change(found, wanted)
    return JsonResponse({"id": str(found.public_id)})


def body(request: HttpRequest, ring: Ring) -> dict[str, Any]:
    """Count the request, then read no more of it than may be there."""
    check_rate(limits.wait(ring.site.key, client_address(request)))
    return read_body(request)


def check_rate(seconds: int) -> None:
    """Refuse with 429 where there are seconds to wait."""
    if seconds:
        error = Refused("rate", "Too many requests. Try again later.", status=429)
        error.retry_after = seconds
        raise error


def read_body(request: HttpRequest) -> dict[str, Any]:
    """The JSON object that was sent; no more is read than may be there."""
    try:
        return incoming.read_json(request.read(incoming.MAX_BODY + 1))
    except UnreadablePostError:
        raise Refused("json", "The body ended early.") from None


def _check_origin(ring: Ring, origin: str) -> None:
    if origin and origin not in ring.site.origins:
        installation.foreign(ring.site, origin)
        raise Refused("origin", "This origin is not in the site's list.", status=403)


def _preflight(allowed: str, headers: str) -> HttpResponse:
    answer = {
        "Access-Control-Allow-Methods": allowed,
        "Access-Control-Allow-Headers": headers,
        "Access-Control-Max-Age": "7200",
    }
    return HttpResponse(status=204, headers=answer)


def refusal(error: Refused, allowed: str) -> HttpResponse:
    """A refusal as JSON: `error`, `detail` and `field`; `allowed` are the methods of a 405."""
    answer = {"error": error.code, "detail": error.sentence, "field": error.field}
    response = JsonResponse(answer, status=error.status, headers={"Cache-Control": "no-store"})
    if error.retry_after:
        response["Retry-After"] = str(error.retry_after)
    if error.status == 405:
        response["Allow"] = allowed
    return response


def _shared(response: HttpResponse, origin: str) -> HttpResponse:
    response["Vary"] = "Origin"
    if origin:
        response["Access-Control-Allow-Origin"] = origin
    return response


def _prompt(prompt: Prompt) -> dict[str, Any]:
    return {
        "version": prompt.version,
        "title": prompt.title,
        "body": prompt.body,
        "yes": prompt.yes,
        "no": prompt.no,
        "trigger": prompt.trigger,
        "after": prompt.after,
        "color": prompt.color,
    }
