"""Files of pictures for tests."""

from __future__ import annotations

from io import BytesIO

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image


def picture_file(
    colour: str = "teal", size: tuple[int, int] = (800, 400), form: str = "PNG"
) -> bytes:
    out = BytesIO()
    Image.new("RGB", size, colour).save(out, form)
    return out.getvalue()


def upload(name: str = "gloves.png", data: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, picture_file() if data is None else data, "image/png")
