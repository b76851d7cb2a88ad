import pytest
from django.db import OperationalError
from django.test import Client

from config import health


@pytest.mark.django_db
def test_healthy() -> None:
    answer = Client().get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"web": "ok", "database": "ok", "queue": "ok"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("part", "error"), [("database", OperationalError()), ("queue", ConnectionError())]
)
def test_it_says_which_part_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, part: str, error: Exception
) -> None:
    def down() -> None:
        raise error

    monkeypatch.setitem(health.CHECKS, part, down)
    answer = Client().get("/healthz")
    assert answer.status_code == 503
    assert answer.json()[part] == "does not answer"
