"""Sessions at rest."""

from collections.abc import Callable

from django.contrib.sessions.models import Session
from django.test import Client

from accounts.models import User
from accounts.session_store import SessionStore, digest

SignedIn = Callable[[User], Client]


def test_the_database_holds_no_key_of_a_session(as_user: SignedIn, alice: User) -> None:
    client = as_user(alice)
    cookie = client.cookies["sessionid"].value
    row = Session.objects.get()
    assert row.session_key == digest(cookie)
    assert cookie not in row.session_data
    assert client.get("/profile/").status_code == 200


def test_what_the_database_holds_opens_nothing(as_user: SignedIn, alice: User) -> None:
    as_user(alice)
    thief = Client()
    thief.cookies["sessionid"] = Session.objects.get().session_key
    assert thief.get("/profile/").status_code == 302


def test_signing_out_removes_it(as_user: SignedIn, alice: User) -> None:
    client = as_user(alice)
    assert client.post("/signout/").status_code == 302
    assert not Session.objects.exists()


def test_a_store_finds_what_it_made_and_nothing_else(db: None) -> None:
    store = SessionStore()
    store["a"] = 1
    store.save()
    key = store.session_key
    assert key and store.exists(key) and not store.exists("x" * 32)
    assert SessionStore(key)["a"] == 1
    assert SessionStore("x" * 32).load() == {}
    SessionStore().delete()
    SessionStore().delete(key)
    assert not Session.objects.exists()
