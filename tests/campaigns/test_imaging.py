"""What becomes of uploaded pictures, and which are refused."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageDraw, PngImagePlugin

from campaigns import imaging
from campaigns.imaging import Drawn


def encoded(picture: Image.Image, form: str = "PNG", **options: Any) -> BytesIO:
    out = BytesIO()
    picture.save(out, form, **options)
    out.seek(0)
    return out


def photo(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """As hard to encode as it gets: noise."""
    noise = Image.effect_noise((width, height), 90)
    return Image.merge("RGB", (noise, noise.rotate(90).resize(noise.size), noise)).convert(mode)


def drawn(picture: Image.Image, kind: str = "image", form: str = "PNG", **how: Any) -> list[Drawn]:
    return imaging.draw(encoded(picture, form, **how), kind)


def opened(one: Drawn) -> Image.Image:
    picture = Image.open(BytesIO(one.data))
    assert picture.size == (one.width, one.height)
    assert Image.MIME[str(picture.format)] == one.content_type
    return picture


def refusal(file: BytesIO, kind: str = "image") -> str:
    with pytest.raises(ValidationError) as refused:
        imaging.draw(file, kind)
    return str(refused.value.messages[0])


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_comes_out_wide_and_as_windows_wants_it(form: str) -> None:
    wide, hero = drawn(photo(1600, 1200), form=form)
    assert (wide.name, wide.width, wide.height) == ("wide", 1440, 720)
    assert (hero.name, hero.width, hero.height) == ("hero", 728, 360)
    assert len(wide.data) <= imaging.WIDE_BYTES
    assert len(hero.data) <= imaging.HERO_BYTES
    assert opened(wide).mode == opened(hero).mode == "RGB"


@pytest.mark.parametrize(
    ("size", "wide"),
    [((1000, 800), (1000, 500)), ((600, 900), (600, 300)), ((2000, 400), (800, 400))],
    ids=["lying", "standing", "flat"],
)
def test_a_smaller_picture_is_cropped_and_not_blown_up(
    size: tuple[int, int], wide: tuple[int, int]
) -> None:
    made = drawn(Image.new("RGB", size, "teal"))[0]
    assert (made.width, made.height) == wide


def test_the_middle_is_kept() -> None:
    picture = Image.new("RGB", (1440, 1440), "red")
    ImageDraw.Draw(picture).rectangle((0, 360, 1440, 1080), fill="blue")
    wide = opened(drawn(picture)[0])
    red, _green, blue = wide.convert("RGB").getpixel((720, 4))  # type: ignore[misc]
    assert blue > 200 > 60 > red


def test_transparent_parts_become_white() -> None:
    wide = opened(drawn(Image.new("RGBA", (800, 400), (0, 0, 0, 0)))[0])
    assert wide.getpixel((1, 1)) == (255, 255, 255)


def test_a_camera_held_upright_is_turned_and_where_it_was_is_forgotten() -> None:
    picture = Image.new("RGB", (1000, 1000), "red")
    ImageDraw.Draw(picture).rectangle((0, 0, 400, 1000), fill="blue")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees: what is on the left comes to the top
    exif[0x010F] = "Camera of Ada"
    file = encoded(picture, "JPEG", exif=exif, comment=b"at home", quality=95)
    assert b"Camera of Ada" in file.getvalue()
    wide = imaging.draw(file, "image")[0]
    found = opened(wide)
    top, bottom = found.getpixel((500, 20)), found.getpixel((500, 480))
    assert isinstance(top, tuple) and isinstance(bottom, tuple)
    assert top[2] > 200 and bottom[0] > 200
    assert not found.getexif() and "comment" not in found.info
    assert b"Ada" not in wide.data and b"at home" not in wide.data


@pytest.mark.parametrize("kind", ["image", "icon", "badge"])
def test_texts_and_profiles_inside_are_dropped(kind: str) -> None:
    picture = Image.new("RGBA", (1440, 720), (0, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse((200, 100, 1200, 600), fill="navy")
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "Ada")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for one in drawn(picture, kind, pnginfo=text, icc_profile=profile):
        assert not {"Author", "icc_profile"} & set(opened(one).info)


def test_the_first_frame_of_a_moving_picture_counts() -> None:
    frames = [Image.new("RGB", (400, 200), colour) for colour in ("red", "blue")]
    wide = drawn(frames[0], form="GIF", save_all=True, append_images=frames[1:])[0]
    red, _green, blue = opened(wide).getpixel((9, 9))  # type: ignore[misc]
    assert red > 200 > 60 > blue


def test_a_printers_jpeg_has_its_colours_and_no_profile() -> None:
    wide = drawn(Image.new("CMYK", (800, 400), (0, 0, 0, 0)), form="JPEG")[0]
    assert opened(wide).getpixel((5, 5)) == (255, 255, 255)


def test_a_broken_profile_is_left_out() -> None:
    wide = drawn(Image.new("RGB", (800, 400), "red"), icc_profile=b"no profile at all")[0]
    assert "icc_profile" not in opened(wide).info


def test_an_icon_from_a_photo_is_cropped_to_a_square() -> None:
    (icon,) = drawn(photo(640, 400), "icon")
    assert (icon.name, icon.width, icon.height) == ("icon", 192, 192)
    assert opened(icon).mode == "RGB"


def test_an_icon_on_a_transparent_ground_is_kept_whole() -> None:
    (icon,) = drawn(Image.new("RGBA", (300, 100), (200, 0, 0, 128)), "icon")
    found = opened(icon)
    assert found.size == (192, 192)
    assert found.getpixel((96, 4)) == (0, 0, 0, 0)
    red, _green, _blue, alpha = found.getpixel((2, 96))  # type: ignore[misc]
    assert red > 190 and alpha == 128


def sign(ground: Any, ink: Any, mode: str = "RGB") -> Image.Image:
    picture = Image.new(mode, (200, 200), ground)
    ImageDraw.Draw(picture).ellipse((50, 50, 150, 150), fill=ink)
    return picture


@pytest.mark.parametrize(
    "picture",
    [
        sign((0, 0, 0, 0), (180, 20, 20, 255), "RGBA"),
        sign("white", "black"),
        sign("black", "white"),
        sign("navy", "gold"),
    ],
    ids=["transparent", "on white", "on black", "in colours"],
)
def test_a_badge_is_the_shape_of_the_sign(picture: Image.Image) -> None:
    (badge,) = drawn(picture, "badge")
    assert (badge.name, badge.width, badge.height) == ("badge", 96, 96)
    found = opened(badge)
    assert found.mode == "LA"
    inside, outside = found.getpixel((48, 48)), found.getpixel((3, 3))
    assert isinstance(inside, tuple) and inside[0] == 255 and inside[1] > 230
    assert outside == (255, 0)


@pytest.mark.parametrize(
    "picture",
    [
        Image.new("RGB", (200, 200), "navy"),
        Image.new("RGBA", (200, 200), (0, 0, 0, 0)),
        Image.new("RGBA", (200, 200), (9, 9, 9, 250)),
    ],
    ids=["plain", "empty", "full"],
)
def test_a_badge_without_a_sign_is_refused(picture: Image.Image) -> None:
    assert "No sign stands out" in refusal(encoded(picture), "badge")


@pytest.mark.parametrize(("kind", "size"), [("image", (359, 400)), ("icon", (64, 63))])
def test_what_would_be_blurred_is_refused(kind: str, size: tuple[int, int]) -> None:
    sentence = refusal(encoded(Image.new("RGB", size)), kind)
    assert f"It is {size[0]} × {size[1]}" in sentence  # noqa: RUF001


def test_a_damaged_or_cut_off_file_is_refused() -> None:
    whole = encoded(photo(800, 400), "JPEG").getvalue()
    assert "damaged or cut off" in refusal(BytesIO(whole[: len(whole) // 2]))


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", b"%PDF-1.7", b"<html>", b"\x00" * 600],
    ids=["empty", "head", "pdf", "html", "zeros"],
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    assert "no picture" in refusal(BytesIO(data))


@pytest.mark.parametrize("data", [b"<svg/>", b'<?xml version="1.0"?>\n<SVG onload="x()"/>'])
def test_svg_is_refused_with_a_sentence_of_its_own(data: bytes) -> None:
    assert "SVG" in refusal(BytesIO(data))


@pytest.mark.parametrize("form", ["BMP", "TIFF", "ICO", "PPM"])
def test_other_kinds_of_files_are_refused(form: str) -> None:
    assert "PNG, JPEG, WebP or GIF" in refusal(encoded(Image.new("RGB", (256, 256)), form))


def bomb(width: int, height: int) -> BytesIO:
    """A PNG of a few bytes that says it is huge."""

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\x00" * 1000)
    return BytesIO(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [6_400, 10_000, 30_000], ids=["large", "warned", "bomb"])
def test_more_than_40_megapixels_are_refused_before_they_are_decoded(side: int) -> None:
    assert "40 megapixels" in refusal(bomb(side, side))


JPEG = encoded(photo(400, 200), "JPEG", quality=40).getvalue()
PNG = encoded(Image.new("RGB", (400, 200), "red")).getvalue()


@given(st.sampled_from([JPEG, PNG]), st.data())
def test_hostile_bytes_are_drawn_or_refused_and_never_break_anything(
    whole: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(whole) - 1))
    put = data.draw(st.binary(max_size=8))
    changed = whole[:at] + put + whole[at + len(put) :]
    try:
        made = imaging.draw(BytesIO(changed), "image")
    except ValidationError:
        return
    assert [one.name for one in made] == ["wide", "hero"]
