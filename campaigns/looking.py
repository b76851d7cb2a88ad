"""Looking at the addresses of a message before people do: does the page answer, is it a picture?

Whoever may write messages may have addresses looked at, so nothing in here tells what lies in a
private network: what is forbidden reads as what is not there (subscribers.transports.fetching).
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from io import BytesIO
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from PIL import Image

from campaigns import imaging, pictures
from campaigns.models import Picture
from subscribers.transports import fetching
from subscribers.transports.fetching import Answer, NotReached, Why

HEAVY = 1024 * 1024  # bytes of a picture, above which phones give up or show it late
REMEMBERED = 60.0  # seconds
_MOST_REMEMBERED = 256
_SHAPES = {Picture.Kind.IMAGE: 2.0, Picture.Kind.ICON: 1.0, Picture.Kind.BADGE: 1.0}
_LOOPBACK = ("127.0.0.1", "::1")


@dataclass(frozen=True)
class Found:
    """What an address turned out to be. `ok`: nothing to mend. `fix`: what to do, if not."""

    ok: bool
    sentence: str
    fix: str = ""


def page(url: str) -> Found:
    """Whether a page answers. Waits 3 s at most; what was found is remembered for a minute."""
    if not url.strip() or "{{" in url or "{%" in url:
        return _differs(url)
    seen = _asked(url, most_bytes=0)
    if isinstance(seen, Why):
        return _not_reached(seen)
    answer = seen.answer
    facts = {"status": answer.status, "seconds": f"{answer.seconds:.1f}"}
    if answer.status in (401, 403, 405, 429):
        return Found(
            ok=False,
            sentence=_("Answers %(status)s to Beckon after %(seconds)s s.") % facts,
            fix=_("It may refuse only programs. Open it in a private window to make sure."),
        )
    if answer.status >= 300:
        return Found(
            ok=False,
            sentence=_("Answers %(status)s after %(seconds)s s: people would see an error.")
            % facts,
            fix=_("Check how the address is written, and whether the page is public."),
        )
    if answer.redirects:
        facts["url"] = answer.url
        sentence = _("Answers %(status)s in %(seconds)s s, and leads on to %(url)s.")
        return Found(ok=True, sentence=sentence % facts)
    return Found(ok=True, sentence=_("Answers %(status)s in %(seconds)s s.") % facts)


def picture(url: str, kind: str = Picture.Kind.IMAGE) -> Found:
    """Whether an address is a picture that devices show well. Waits and remembers as `page`."""
    if not url.strip() or "{{" in url or "{%" in url:
        return _differs(url)
    if uploaded := pictures.ours(url):
        return _own(uploaded)
    seen = _asked(url, most_bytes=HEAVY)
    if isinstance(seen, Why):
        return _not_reached(seen)
    answer = seen.answer
    if answer.status != 200:
        return Found(
            ok=False,
            sentence=_("Answers %(status)s: devices would show no picture.")
            % {"status": answer.status},
            fix=_another(),
        )
    if not answer.content_type.startswith("image/"):
        return Found(ok=False, sentence=_("This address is no picture."), fix=_another())
    if answer.content_type.startswith("image/svg"):
        return Found(ok=False, sentence=_("SVG is not shown by notifications."), fix=_another())
    return _judged(seen, Picture.Kind(kind))


def _judged(seen: _Seen, kind: Picture.Kind) -> Found:
    length = seen.answer.length
    weight = _("more than 1 MB") if length is None else filesizeformat(length)
    if length is None or length > HEAVY:
        told = _told(seen.size, weight)
        sentence = _("%(told)s: phones may show the message without it.") % {"told": told}
        return Found(ok=False, sentence=sentence, fix=_("Upload it: then it is made small."))
    if seen.size is None:
        sentence = _("It can't be read as a picture.")
        return Found(ok=False, sentence=sentence, fix=_another())
    told = _told(seen.size, weight)
    (width, height), least = seen.size, imaging.LEAST[kind]
    if width < least[0] or height < least[1]:
        sentence = _("%(told)s: too small, so it looks blurred.") % {"told": told}
        fix = _("Use one of at least %(width)d × %(height)d.")
        return Found(ok=False, sentence=sentence, fix=fix % {"width": least[0], "height": least[1]})
    if not 0.8 < width / height / _SHAPES[kind] < 1.25:
        shape = "2 : 1" if kind == Picture.Kind.IMAGE else "1 : 1"
        sentence = _("%(told)s: devices cut it to %(shape)s.") % {"told": told, "shape": shape}
        return Found(ok=False, sentence=sentence, fix=_("Upload it, or cut it yourself."))
    return Found(ok=True, sentence=f"{told}.")


def _told(size: tuple[int, int] | None, weight: str) -> str:
    """ "1440 × 720, 118 KB" """  # noqa: RUF002 - as people write it
    return f"{size[0]} × {size[1]}, {weight}" if size else weight  # noqa: RUF001


def _size(begin: bytes) -> tuple[int, int] | None:
    """Width and height as the beginning of a picture says; None if it is none.

    Nothing is decoded: what a file says of itself costs no memory.
    """
    try:
        with Image.open(BytesIO(begin), formats=(*imaging.FORMATS, "AVIF")) as opened:
            return opened.size
    except Exception:  # Pillow raises a dozen kinds for what is broken
        return None


def _own(uploaded: UUID) -> Found:
    found = Picture.objects.filter(pk=uploaded).first()
    facts = pictures.facts([found]) if found else {}
    if found is None or found.pk not in facts:
        return Found(ok=False, sentence=_("This picture was deleted."), fix=_("Choose another."))
    told = facts[found.pk]
    size = (told.width, told.height)
    return Found(ok=True, sentence=f"{_told(size, filesizeformat(told.bytes))}.")


def _another() -> str:
    return _("Copy the address of the picture itself, or upload it.")


def _differs(url: str) -> Found:
    return Found(ok=True, sentence=_("It differs from person to person.") if url.strip() else "")


def _not_reached(why: Why) -> Found:
    if why is Why.SLOW:
        return Found(
            ok=False,
            sentence=_("No answer within 3 seconds."),
            fix=_("Many people will come at once: see whether the page can bear it."),
        )
    if why is Why.CERTIFICATE:
        return Found(
            ok=False,
            sentence=_("No secure connection: browsers would warn people away."),
            fix=_("Renew its certificate, or use another address."),
        )
    if why is Why.ROUND:
        return Found(
            ok=False,
            sentence=_("It leads on to other addresses more than three times."),
            fix=_("Use the address that it leads to in the end."),
        )
    return Found(
        ok=False,
        sentence=_("It can't be reached from here."),
        fix=_("Open it in a browser. Pages that only your own network sees open for nobody else."),
    )


class _Seen(NamedTuple):
    """An answer without its body, and how large the picture in it is, if it is one."""

    answer: Answer
    size: tuple[int, int] | None


_remembered: OrderedDict[tuple[str, int], tuple[float, _Seen | Why]] = OrderedDict()
_guard = threading.Lock()


def _asked(url: str, *, most_bytes: int) -> _Seen | Why:
    """What an address answers, or why it does not; asked once a minute in each process."""
    key, now = (url, most_bytes), time.monotonic()
    with _guard:
        known = _remembered.get(key)
    if known and known[0] > now:
        return known[1]
    found: _Seen | Why
    try:
        answer = fetching.fetch(url, most_bytes=most_bytes, trusted=_trusted())
        found = _Seen(replace(answer, body=b""), _size(answer.body))
    except NotReached as failure:
        found = failure.why
    with _guard:
        _remembered[key] = (now + REMEMBERED, found)
        while len(_remembered) > _MOST_REMEMBERED:
            _remembered.popitem(last=False)
    return found


def _trusted() -> list[tuple[str, int]]:
    """The demo shop runs on this machine; nothing else of it may be asked."""
    return [(ip, settings.SHOP_PORT) for ip in _LOOPBACK] if settings.DEMO else []
