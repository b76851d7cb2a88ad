import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client, RequestFactory

from accounts import errors


def test_the_page_carries_the_sentence(rf: RequestFactory, db: None) -> None:
    answer = errors.permission_denied(rf.get("/sites/"), PermissionDenied("Only on Mondays."))
    assert answer.status_code == 403
    assert "Only on Mondays." in answer.content.decode()
    plain = errors.permission_denied(rf.get("/sites/"), PermissionDenied())
    assert "Your role on this site does not allow it" in plain.content.decode()


def test_programs_get_json(rf: RequestFactory) -> None:
    answer = errors.permission_denied(rf.get("/api/v1/x/"), PermissionDenied("Only on Mondays."))
    assert answer.content == b'{"detail": "Only on Mondays."}'
    assert errors.permission_denied(rf.get("/push/x/")).content == b'{"detail": "Not allowed."}'


@pytest.mark.django_db
def test_what_is_not_there(client: Client) -> None:
    answer = client.get("/nothing/here/")
    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()
    answer = client.get("/api/nothing/")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})
