"""Secrets at rest: Fernet with keys from outside the database (push-reference 4.1, row 19)."""

import secrets
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


@cache
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError as error:
        raise ImproperlyConfigured(
            "ENCRYPTION_KEYS must be Fernet keys: 32 bytes in URL-safe base64, separated by commas."
        ) from error


def encrypt(plain: bytes) -> bytes:
    """Encrypt with the first of ENCRYPTION_KEYS."""
    return _fernet(tuple(settings.ENCRYPTION_KEYS)).encrypt(plain)


def decrypt(token: bytes | memoryview) -> bytes:
    """Decrypt with whichever of ENCRYPTION_KEYS fits; ImproperlyConfigured if none does."""
    try:
        return _fernet(tuple(settings.ENCRYPTION_KEYS)).decrypt(bytes(token))
    except InvalidToken as error:
        raise ImproperlyConfigured(
            "A stored secret can't be decrypted: the key that encrypted it is missing from "
            "ENCRYPTION_KEYS. Put the old key back behind the new one."
        ) from error


def new_encrypted_secret() -> bytes:
    """256 random bits, hex, encrypted: a field default."""
    return encrypt(secrets.token_hex(32).encode())
