"""Files of forms, within bounds: a larger one is not kept, not even on disk."""

from typing import IO, Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest

FIELDS = 65_536  # bytes of a form beside its file


def too_large(request: HttpRequest) -> bool:
    """Whether the body is larger than that of any form with a file."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) > settings.LIST_UPLOAD_BYTES + FIELDS


class BoundedUpload(FileUploadHandler):
    """Stands before the handlers that keep files. The other fields are read all the same."""

    def handle_raw_input(
        self,
        input_data: IO[bytes],
        META: dict[str, str],  # noqa: N803 - Django's name
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> None:
        self.refused = content_length > settings.LIST_UPLOAD_BYTES + FIELDS

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        if self.refused:
            raise SkipFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """The handlers behind this one make the file."""
