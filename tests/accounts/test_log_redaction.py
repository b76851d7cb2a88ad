"""Logs without the links that let somebody in."""

import logging

import pytest
from django.test import Client

from accounts import onboarding
from accounts.log_redaction import WithoutLinks


def test_a_refused_form_does_not_log_its_link(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    path = onboarding.first_owner_link()
    assert path
    (handler,) = [one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler]
    lines: list[str] = []
    monkeypatch.setattr(handler, "emit", lambda record: lines.append(handler.format(record)))
    assert Client(enforce_csrf_checks=True).post(path, {}).status_code == 403
    assert len(lines) == 1 and "Forbidden" in lines[0] and lines[0].endswith("/signin/…/")


def test_what_else_is_logged_stays() -> None:
    record = logging.LogRecord(
        "x", logging.INFO, "", 1, "%s: %s", ("Not Found", "/signin/x/"), None
    )
    assert WithoutLinks().filter(record)
    assert record.getMessage() == "Not Found: /signin/x/"
