"""A person's inbox, for the site's own pages and apps: /push/{site key}/inbox/ (docs/inbox.md).

Public and hostile, as all under /push/; who somebody is says a token that the site's server signed.
"""

import re
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.dateparse import parse_datetime

from accounts.addresses import client_address
from campaigns import inbox
from campaigns.personal.choosing import direction
from campaigns.personal.wire import receipts_url
from subscribers import inboxes, limits, signed_identity
from subscribers.incoming import Refused
from subscribers.ingest import Ring
from subscribers.views.public import check_rate, public, read_body

HEADERS = "Authorization, Content-Type"
SIZE, MOST = 20, 50
MOST_IDS = 100
_ID = re.compile(r"[\w-]{22}", re.ASCII)


@public("GET, POST, OPTIONS", headers=HEADERS)
def items(request: HttpRequest, ring: Ring) -> HttpResponse:
    """GET …/inbox/: a page of it. POST: a web page opened it, and its browser is known from now."""
    _only(request, "GET", "POST")
    who = _who(request, ring)
    if request.method == "POST":
        agent = request.headers.get("User-Agent", "")
        inboxes.opened(ring.site, who, inboxes.read_opening(read_body(request), agent))
        return _unread(inbox.person(ring.site, who))
    size, after = _size(request.GET.get("limit")), request.GET.get("cursor", "")
    whose = inbox.person(ring.site, who)
    try:
        page = inbox.page(whose, size=size, after=after) if whose else inbox.Page((), 0, "")
    except inbox.NotThere:
        sentence = "This cursor does not hold, or no more. Begin at the first page."
        raise Refused("cursor", sentence, field="cursor") from None
    answer = {
        "items": [_item(item) for item in page.items],
        "unread": page.unread,
        "next": page.following or None,
        "receipts": receipts_url(),
    }
    return _answer(answer)


@public("GET, OPTIONS", headers=HEADERS)
def unread(request: HttpRequest, ring: Ring) -> HttpResponse:
    """GET …/inbox/unread/: how many are, for a badge."""
    _only(request, "GET")
    return _unread(inbox.person(ring.site, _who(request, ring)))


@public("POST, OPTIONS", headers=HEADERS)
def read(request: HttpRequest, ring: Ring) -> HttpResponse:
    """POST …/inbox/read/: {"ids": [...]}, or {"until": moment} for all that were sent by then."""
    _only(request, "POST")
    whose = inbox.person(ring.site, _who(request, ring))
    data = read_body(request)
    if "until" in data:
        moment = _moment(data["until"])
        if whose:
            inbox.read_until(whose, moment)
    else:
        ids = _ids(data.get("ids"))
        if whose:
            inbox.read(whose, ids)
    return _unread(whose)


@public("DELETE, POST, OPTIONS", headers=HEADERS)
def item(request: HttpRequest, ring: Ring, item_id: str) -> HttpResponse:
    """DELETE …/inbox/{id}/, or POST with ?_method=DELETE: throw one away. Again is fine."""
    _only(request, "DELETE", *(["POST"] if request.GET.get("_method") == "DELETE" else []))
    whose = inbox.person(ring.site, _who(request, ring))
    try:
        if whose is None:
            raise inbox.NotThere
        inbox.delete(whose, item_id)
    except inbox.NotThere:
        raise Refused("not_found", "There is no such item in this inbox.", status=404) from None
    return _unread(whose)


def _only(request: HttpRequest, *methods: str) -> None:
    if request.method not in methods:
        sentence = f"This answers {' and '.join(methods)} only."
        raise Refused("method", sentence, status=405)


def _who(request: HttpRequest, ring: Ring) -> str:
    """The external id that the token vouches for, once its request is counted."""
    # Not from the share of subscriptions: a shop's pages ask for the inbox more often.
    check_rate(limits.wait(f"{ring.site.key}:inbox", client_address(request)))
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        sentence = "Send the person's signed identity: Authorization: Bearer TOKEN."
        raise Refused("identity", sentence, field="identity", status=403)
    who = signed_identity.read(ring.site, token.strip())
    check_rate(limits.wait_person(ring.site.key, who))
    return who


def _unread(whose: inbox.Person | None) -> HttpResponse:
    return _answer({"unread": inbox.count(whose) if whose else 0})


def _answer(answer: dict[str, Any]) -> HttpResponse:
    return JsonResponse(answer, headers={"Cache-Control": "no-store"})


def _item(one: inbox.Item) -> dict[str, Any]:
    content = one.content
    return {
        "id": one.id,
        "title": content.title,
        "body": content.body,
        "image": content.image,
        "icon": content.icon,
        "url": content.url,
        "links": {"android": content.link("android"), "ios": content.link("ios")},
        "buttons": [{"title": title, "url": url} for title, url in content.actions],
        "language": content.language,
        "direction": direction(content.language),
        "sent_at": one.entry.sent_at.isoformat(),
        "expires_at": one.entry.expires_at.isoformat(),
        "read": one.entry.is_read,
        "token": one.token,
    }


def _size(text: str | None) -> int:
    if text is None:
        return SIZE
    # Not every digit that Python reads is one that a program writes.
    if not re.fullmatch("[0-9]{1,4}", text) or not 1 <= int(text) <= MOST:
        sentence = f"“limit” must be a whole number from 1 to {MOST}."
        raise Refused("limit", sentence, field="limit")
    return int(text)


def _ids(value: object) -> list[str]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_IDS:
        sentence = f"Send “ids”, 1 to {MOST_IDS} of them in a list, or “until”."
        raise Refused("ids", sentence, field="ids")
    if not all(isinstance(one, str) and _ID.fullmatch(one) for one in value):
        raise Refused("ids", "An id is one that the inbox gave.", field="ids")
    return value


def _moment(value: object) -> datetime:
    try:
        moment = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        sentence = "“until” must be a moment with its zone, as “sent_at” of an item."
        raise Refused("until", sentence, field="until")
    return moment
