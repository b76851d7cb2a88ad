"""System checks: what is reported, and that the settings as shipped are not."""

import pytest
from django.core.checks import CheckMessage, Tags, run_checks
from pytest_django import Settings


def ours() -> list[CheckMessage]:
    return [
        message
        for message in run_checks(tags=[Tags.security])
        if str(message.id).startswith("beckon.")
    ]


def test_the_settings_as_shipped_are_fine() -> None:
    assert ours() == []


@pytest.mark.parametrize(
    ("changes", "identifier", "words"),
    [
        (
            {"EXTRA_PUSH_ORIGINS": frozenset({"http://127.0.0.1:8002"})},
            "beckon.W001",
            "http://127.0.0.1:8002",
        ),
        (
            {"PUBLIC_URL": "http://push.example.com", "ALLOWED_HOSTS": ["push.example.com"]},
            "beckon.W002",
            "is not https",
        ),
        ({"DEBUG": True, "BIND_ADDRESS": "0.0.0.0"}, "beckon.W003", "0.0.0.0"),  # noqa: S104
        ({"RQ_QUEUES": {"send": {"URL": "redis://x"}}}, "beckon.E001", "'send'"),
        ({"SECRET_KEY": "short"}, "beckon.E002", "50 characters"),
        ({"ALLOWED_HOSTS": ["other.example.com"]}, "beckon.E003", "127.0.0.1"),
    ],
)
def test_what_should_not_be_used_is_reported_with_a_hint(
    settings: Settings, changes: dict[str, object], identifier: str, words: str
) -> None:
    for name, value in changes.items():
        setattr(settings, name, value)
    (message,) = ours()
    assert message.id == identifier
    assert words in message.msg
    assert message.hint


def test_extra_origins_are_expected_while_debugging(settings: Settings) -> None:
    settings.EXTRA_PUSH_ORIGINS = frozenset({"http://127.0.0.1:8002"})
    settings.DEBUG = True
    assert ours() == []


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://localhost:8000", "localhost"),
        ("http://beckon.localhost", "beckon.localhost"),
        ("http://[::1]:8000", "::1"),
        ("https://push.example.com", "push.example.com"),
    ],
)
def test_loopback_and_https_are_fine(settings: Settings, url: str, host: str) -> None:
    settings.PUBLIC_URL = url
    settings.ALLOWED_HOSTS = [f"[{host}]" if ":" in host else host]
    assert ours() == []
