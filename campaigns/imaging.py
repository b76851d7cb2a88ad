"""Uploaded pictures, decoded and encoded anew in the sizes that devices show.

What comes out was drawn here from pixels: no metadata, no second file behind the first, no script.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import IO

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from PIL import Image, ImageChops, ImageCms, ImageOps

from campaigns.models import Picture

MOST_BYTES = 10 * 1024 * 1024
MOST_PIXELS = 40_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
# Wide pictures as Android and Windows lay them out, and how many bytes each may have.
WIDE, WIDE_BYTES = (1440, 720), 300_000
HERO, HERO_BYTES = (728, 360), 200_000
ICON, BADGE = 192, 96
# Smaller than this, it would be blurred on every device.
LEAST = {
    Picture.Kind.IMAGE: (360, 180),
    Picture.Kind.ICON: (64, 64),
    Picture.Kind.BADGE: (48, 48),
}
QUALITIES = (86, 80, 72, 64, 55, 45, 35, 25, 15)
# Of 255: below this, a sign does not stand out from its ground.
FAINT = 40
JPEG, PNG = "image/jpeg", "image/png"
# Decoded, one takes up to 160 MB: one at a time in each process.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Drawn:
    """One size of a picture, encoded."""

    name: str
    content_type: str
    width: int
    height: int
    data: bytes


def draw(file: IO[bytes], kind: str) -> list[Drawn]:
    """All sizes of an uploaded file of a `Picture.Kind`; ValidationError for what is no picture.

    The file has at most MOST_BYTES; of a moving picture, the first frame counts.
    """
    with _one_at_a_time:
        picture = _decoded(file, kind)
        return list(_DRAW[Picture.Kind(kind)](picture))


def _decoded(file: IO[bytes], kind: str) -> Image.Image:
    """The whole picture upright in RGBA, sRGB."""
    begin = file.read(512)
    file.seek(0)
    if b"<svg" in begin.lower():
        raise ValidationError(_("SVG is not shown by notifications. Save it as a PNG first."))
    try:
        opened = Image.open(file, formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ValidationError(_too_many_pixels()) from None
    except Exception:  # Pillow raises a dozen kinds for what is broken
        said = _("This is no picture that can be read. Upload a PNG, JPEG, WebP or GIF.")
        raise ValidationError(said) from None
    if opened.width * opened.height > MOST_PIXELS:
        raise ValidationError(_too_many_pixels())
    try:
        # A JPEG is decoded at a half or a quarter of its size where that is enough.
        opened.draft("RGB", (WIDE[0] * 2, WIDE[1] * 2))
        opened.load()
        upright = ImageOps.exif_transpose(opened)
        picture = _in_srgb(upright).convert("RGBA")
    except Exception:  # as above
        said = _("This file is damaged or cut off. Export it anew and upload that.")
        raise ValidationError(said) from None
    picture.info.clear()  # a profile or a comment would be written along
    _must_be_large_enough(picture, kind)
    return picture


def _too_many_pixels() -> str:
    return _("It has more than %(most)d megapixels. Make it smaller: 1440 × 720 is enough.") % {
        "most": MOST_PIXELS // 1_000_000
    }


def _must_be_large_enough(picture: Image.Image, kind: str) -> None:
    width, height = LEAST[Picture.Kind(kind)]
    if picture.width < width or picture.height < height:
        raise ValidationError(
            _(
                "It is %(width)d × %(height)d, which devices would show blurred. At least "
                "%(least_width)d × %(least_height)d."
            )
            % {
                "width": picture.width,
                "height": picture.height,
                "least_width": width,
                "least_height": height,
            }
        )


def _in_srgb(picture: Image.Image) -> Image.Image:
    """Its colours as a device without colour management shows them right."""
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in ("RGB", "RGBA", "CMYK"):
        return picture
    try:
        wanted = "RGBA" if picture.mode == "RGBA" else "RGB"
        found = ImageCms.profileToProfile(
            picture, BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode=wanted
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture  # a broken profile: the colours as they are
    return found or picture


def _image(picture: Image.Image) -> Iterator[Drawn]:
    ground = Image.new("RGBA", picture.size, "white")
    flat = Image.alpha_composite(ground, picture).convert("RGB")
    for name, size, most in (("wide", WIDE, WIDE_BYTES), ("hero", HERO, HERO_BYTES)):
        fitted = _covering(flat, size)
        yield Drawn(name, JPEG, *fitted.size, _jpeg(fitted, most))


def _covering(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The middle of a picture in the shape of `size`, and never larger than it was."""
    width, height = size
    scale = min(1.0, picture.width / width, picture.height / height)
    inside = (max(1, round(width * scale)), max(1, round(height * scale)))
    return ImageOps.fit(picture, inside, Image.Resampling.LANCZOS)


def _jpeg(picture: Image.Image, most: int) -> bytes:
    """As good as `most` bytes allow."""
    data = b""
    for quality in QUALITIES:
        out = BytesIO()
        picture.save(out, "JPEG", quality=quality, optimize=True, progressive=True)
        data = out.getvalue()
        if len(data) <= most:
            break
    return data


def _icon(picture: Image.Image) -> Iterator[Drawn]:
    """Square: a photo is cropped, a sign on a transparent ground is kept whole."""
    clear = picture.getchannel("A").getextrema() != (255, 255)
    square = _whole(picture, ICON) if clear else _covering(picture, (ICON, ICON))
    yield Drawn("icon", PNG, *square.size, _png(square if clear else square.convert("RGB")))


def _whole(picture: Image.Image, most: int) -> Image.Image:
    """All of a picture in the middle of a transparent square, never larger than it was."""
    side = min(most, max(picture.size))
    return ImageOps.pad(picture, (side, side), Image.Resampling.LANCZOS, color=(0, 0, 0, 0))


def _strong(value: int) -> int:
    return 255 if value >= FAINT else 0


def _badge(picture: Image.Image) -> Iterator[Drawn]:
    """White in the shape of the sign: Android paints it in a colour of its own."""
    sign = _whole(picture, BADGE)
    shape = sign.getchannel("A")
    if picture.getchannel("A").getextrema() == (255, 255):
        # Nothing is transparent: the sign is what differs from the corner.
        grey = _covering(picture, (BADGE, BADGE)).convert("L")
        ground = Image.new("L", grey.size, grey.getpixel((0, 0)))
        shape = ImageChops.difference(grey, ground)
        shape = ImageOps.autocontrast(shape) if shape.point(_strong).getbbox() else shape
    strong = shape.point(_strong)
    if not strong.getbbox() or not ImageChops.invert(strong).getbbox():
        raise ValidationError(
            _(
                "No sign stands out in it, so Android would show a plain square. Upload a sign in "
                "one colour on a transparent ground."
            )
        )
    white = Image.new("L", shape.size, 255)
    yield Drawn("badge", PNG, *shape.size, _png(Image.merge("LA", (white, shape))))


def _png(picture: Image.Image) -> bytes:
    out = BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


_DRAW: dict[Picture.Kind, Callable[[Image.Image], Iterator[Drawn]]] = {
    Picture.Kind.IMAGE: _image,
    Picture.Kind.ICON: _icon,
    Picture.Kind.BADGE: _badge,
}
