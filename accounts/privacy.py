"""What caches may keep: nothing, unless a view says otherwise."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import add_never_cache_headers

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class PrivatePagesMiddleware:
    """Pages, exports and API answers are for one person: neither proxies nor the browser keep them.

    So the Back button shows nobody's list of people after signing out.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        elif "public" in response["Cache-Control"] and not getattr(response, "cookies", None):
            # The same for everybody: what looked at the session on the way changed nothing.
            others = [name for name in response.get("Vary", "").split(", ") if name != "Cookie"]
            response["Vary"] = ", ".join(others)
        return response
