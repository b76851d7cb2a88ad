"""JSON bodies of the REST API, within bounds."""

from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser
from rest_framework.status import HTTP_413_REQUEST_ENTITY_TOO_LARGE

# Far more than any request needs: a campaign's texts and addresses come to some 10 KB.
MAX_BODY = 262_144


class TooLarge(APIException):
    """The body is not read to its end."""

    status_code = HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


class BoundedJSONParser(JSONParser):
    """Reads no more than `most` bytes into memory; 400 for what is nested too deeply."""

    most = MAX_BODY

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = stream.read(self.most + 1)
        if len(body) > self.most:
            raise TooLarge(_("The body is larger than %(most)s bytes.") % {"most": self.most})
        try:
            return super().parse(BytesIO(body), media_type, parser_context)
        except RecursionError:
            raise ParseError(_("The body is nested too deeply.")) from None
