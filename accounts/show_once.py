"""Secrets that a person sees on the next page and never again.

Between the two requests they lie in the session, encrypted, so that a copy of the database shows
none.
"""

import time

from django.http import HttpRequest

from accounts import crypto

LASTS_SECONDS = 600


def put(request: HttpRequest, name: str, text: str) -> None:
    """Keep a secret for the next page. `name` says what it is and whose."""
    token = crypto.encrypt(text.encode()).decode()
    request.session[f"once:{name}"] = {"token": token, "at": int(time.time())}


def take(request: HttpRequest, name: str) -> str:
    """The secret, which is then forgotten; empty if there is none or it is too old."""
    kept = request.session.pop(f"once:{name}", None)
    if kept is None or kept["at"] < time.time() - LASTS_SECONDS:
        return ""
    return crypto.decrypt(kept["token"].encode()).decode()
