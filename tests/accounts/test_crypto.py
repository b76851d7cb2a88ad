import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from accounts import crypto


def test_what_is_encrypted_comes_back() -> None:
    token = crypto.encrypt(b"secret")
    assert b"secret" not in token
    assert crypto.decrypt(memoryview(token)) == b"secret"


def test_an_old_key_still_reads_and_the_new_one_writes(settings: Settings) -> None:
    old, new = (Fernet.generate_key().decode() for _number in range(2))
    settings.ENCRYPTION_KEYS = [old]
    token = crypto.encrypt(b"secret")
    settings.ENCRYPTION_KEYS = [new, old]
    assert crypto.decrypt(token) == b"secret"
    assert Fernet(new).decrypt(crypto.encrypt(b"x")) == b"x"
    settings.ENCRYPTION_KEYS = [new]
    with pytest.raises(ImproperlyConfigured, match="Put the old key back"):
        crypto.decrypt(token)


def test_a_key_that_is_none_is_named(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = ["short"]
    with pytest.raises(ImproperlyConfigured, match="must be Fernet keys"):
        crypto.encrypt(b"x")


def test_a_new_secret_has_256_bits() -> None:
    assert len(bytes.fromhex(crypto.decrypt(crypto.new_encrypted_secret()).decode())) == 32
