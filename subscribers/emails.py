"""E-mail addresses as hashes, so that a list can name people without carrying their addresses."""

import hashlib
import re
from collections.abc import Mapping

_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_HASH = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


def hash_of(attributes: Mapping[str, object]) -> str:
    """The hash of a person with these attributes; "" where no address is known.

    A site that keeps addresses to itself sends their hash as the attribute "email_sha256" instead.
    """
    given = attributes.get("email_sha256")
    known = read_hash(given) if isinstance(given, str) else ""
    email = attributes.get("email")
    return known or (hash_address(email) if isinstance(email, str) else "")


def hash_address(text: str) -> str:
    """Hex SHA-256 of the trimmed, lower-case address; "" for what looks like none."""
    address = text.strip().lower()
    if len(address) > 254 or not _ADDRESS.fullmatch(address):
        return ""
    return hashlib.sha256(address.encode()).hexdigest()


def read_hash(text: str) -> str:
    """A SHA-256 as it is stored, 64 lower-case hex digits; "" for what is none."""
    text = text.strip()
    return text.lower() if _HASH.fullmatch(text) else ""
