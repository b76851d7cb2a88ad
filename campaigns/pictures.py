"""The site's pictures: stored in the sizes that devices show, named by messages, or deleted."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import IO, NamedTuple
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Length
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Site, User
from campaigns import imaging
from campaigns.models import Message, Picture, Rendition, SavedMessage
from campaigns.refusals import Refused

# Of a site. A picture takes up to half a megabyte in the database.
MOST = 500
LONGEST_NAME = 120
PREFIX = "/pictures/"
ENDINGS = {imaging.JPEG: "jpg", imaging.PNG: "png"}
# The rendition that stands in a message, of each kind.
MAIN = {Picture.Kind.IMAGE: "wide", Picture.Kind.ICON: "icon", Picture.Kind.BADGE: "badge"}
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_NAMED = re.compile(rf"{PREFIX}({_UUID})/")
# Where a message can name pictures.
_ADDRESSES = ("image", "icon", "badge")
_TREES = ("translations", "overrides", "variants")


class Facts(NamedTuple):
    """What a message shows of a picture. `path`: its address without our own origin."""

    url: str
    path: str
    width: int
    height: int
    bytes: int


def store(
    site: Site,
    file: IO[bytes],
    *,
    kind: str,
    name: str = "",
    by: User | None = None,
    by_name: str = "",
) -> Picture:
    """Keep an uploaded file as a picture of a `Picture.Kind`; the same file is kept once.

    ValidationError, by "file", with a sentence for what is no picture, is too large or too many.
    """
    data = file.read(imaging.MOST_BYTES + 1)
    if len(data) > imaging.MOST_BYTES:
        raise ValidationError({"file": too_large()})
    digest = hashlib.sha256(data).digest()
    if known := _known(site, kind, digest):
        return known
    if Picture.objects.filter(site=site).count() >= MOST:
        raise ValidationError({"file": too_many()})
    file.seek(0)
    try:
        drawn = imaging.draw(file, kind)
    except ValidationError as error:
        raise ValidationError({"file": error.messages}) from error
    try:
        with transaction.atomic():
            made = _insert(site, drawn, kind=kind, name=name, digest=digest, by=by)
            _note("picture.uploaded", made, by, by_name)
        return made
    except IntegrityError:  # the same file came twice at once
        return Picture.objects.get(site=site, kind=kind, digest=digest)


def too_large() -> str:
    return _("It is larger than %(most)d MB. Make it smaller: 1440 × 720 is enough.") % {
        "most": imaging.MOST_BYTES // 1024**2
    }


def too_many() -> str:
    return _(
        "The site has %(most)d pictures, which is the most. Delete some that no message uses."
    ) % {"most": MOST}


def _known(site: Site, kind: str, digest: bytes) -> Picture | None:
    return Picture.objects.filter(site=site, kind=kind, digest=digest).first()


def _insert(
    site: Site,
    drawn: list[imaging.Drawn],
    *,
    kind: str,
    name: str,
    digest: bytes,
    by: User | None,
) -> Picture:
    readable = "".join(letter for letter in name if letter.isprintable())[:LONGEST_NAME]
    picture = Picture.objects.create(
        site=site, kind=kind, digest=digest, name=readable, created_by=by
    )
    Rendition.objects.bulk_create(
        Rendition(
            picture=picture,
            name=one.name,
            content_type=one.content_type,
            width=one.width,
            height=one.height,
            data=one.data,
        )
        for one in drawn
    )
    return picture


def of_site(site: Site, kind: str = "") -> QuerySet[Picture]:
    """The site's pictures, the newest first."""
    found = Picture.objects.filter(site=site).order_by("-created_at", "pk")
    return found.filter(kind=kind) if kind else found


def facts(pictures: list[Picture]) -> dict[UUID, Facts]:
    """What a message shows of each, by id; the bytes themselves are not read."""
    rows = (
        Rendition.objects.filter(picture__in=pictures, name__in=MAIN.values())
        .annotate(size=Length("data"))
        .values_list("picture_id", "name", "content_type", "width", "height", "size")
    )
    found = {}
    for picture_id, name, content_type, width, height, size in rows:
        path = f"{PREFIX}{picture_id}/{name}.{ENDINGS[content_type]}"
        found[picture_id] = Facts(f"{settings.PUBLIC_URL}{path}", path, width, height, size)
    return found


def ours(url: str) -> UUID | None:
    """The id in an address of a picture that was uploaded here, else None."""
    found = _NAMED.match(url.removeprefix(settings.PUBLIC_URL))
    return UUID(found[1]) if found and url.startswith(settings.PUBLIC_URL) else None


def named(site: Site) -> set[UUID]:
    """The pictures that a message of the site, old or saved ones too, or the site itself names."""
    return {UUID(text) for text in _NAMED.findall("\n".join(_texts(site)))}


def _texts(site: Site) -> Iterator[str]:
    yield site.icon_url
    anywhere = Q()
    for field in _ADDRESSES:
        anywhere |= Q(**{f"{field}__contains": PREFIX})
    for field in _TREES:
        anywhere |= ~Q(**{field: {} if field != "variants" else []})
    messages = Message.objects.filter(anywhere, campaign__site=site)
    for row in messages.values_list(*_ADDRESSES, *_TREES).iterator():
        yield json.dumps(row)
    for content in SavedMessage.objects.filter(site=site).values_list("content", flat=True):
        yield json.dumps(content)


@transaction.atomic
def delete(picture: Picture, *, by: User | None = None, by_name: str = "") -> None:
    """Remove a picture that no message names; Refused for any other, also of the past.

    A notification that is on somebody's screen, or still on its way, would lose its picture.
    """
    if picture.pk in named(picture.site):
        raise Refused(
            _("A message uses this picture, so it stays. Devices may still have to fetch it.")
        )
    _note("picture.deleted", picture, by, by_name)
    picture.delete()


def _note(action: str, picture: Picture, by: User | None, by_name: str) -> None:
    target = picture.name or picture.pk
    audit.record(action, site=picture.site, actor=by, actor_name=by_name, target=target)
