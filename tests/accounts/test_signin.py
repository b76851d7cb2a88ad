import threading
import time
from collections.abc import Callable

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from redis.exceptions import ConnectionError as RedisConnectionError

from accounts.models import AuditEvent, User
from accounts.session_store import SessionStore
from tests.factories import PASSWORD, make_user

SIGN_IN = "/signin/"


def try_to_sign_in(client: Client, email: str, password: str, **extra: str) -> int:
    return client.post(SIGN_IN, {"username": email, "password": password}, **extra).status_code  # type: ignore[arg-type]


def test_the_right_password_signs_in(client: Client, alice: User) -> None:
    answer = client.post(SIGN_IN, {"username": " Alice@Example.com ", "password": PASSWORD})
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/sites/"
    assert client.session["_auth_user_id"] == str(alice.pk)
    assert AuditEvent.objects.get(action="user.signed_in").detail == {"address": "127.0.0.1"}


def test_the_session_gets_a_new_key(client: Client, alice: User) -> None:
    session = client.session
    session["planted"] = True
    session.save()
    planted = str(session.session_key)
    try_to_sign_in(client, alice.email, PASSWORD)
    assert client.session.session_key != planted
    assert not SessionStore().exists(planted)


@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com"])
def test_a_wrong_pair_says_not_which_half(client: Client, alice: User, email: str) -> None:
    answer = client.post(SIGN_IN, {"username": email, "password": "wrong"})
    assert answer.status_code == 200
    assert "do not belong together" in answer.content.decode()
    assert "_auth_user_id" not in client.session
    assert email in answer.content.decode()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"username": "", "password": ""}, ["Write an e-mail address", "Write your password."]),
        ({"username": "127.0.0.1", "password": "x"}, ["Write an e-mail address"]),
    ],
)
@pytest.mark.django_db
def test_what_is_missing_is_said(client: Client, given: dict[str, str], words: list[str]) -> None:
    page = client.post(SIGN_IN, given).content.decode()
    assert all(word in page for word in words)


def test_an_inactive_account_does_not_get_in(client: Client, alice: User) -> None:
    User.objects.update(is_active=False)
    assert try_to_sign_in(client, alice.email, PASSWORD) == 200
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com", "off@example.com"])
def test_each_try_hashes_once(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch, email: str
) -> None:
    """The time of an answer tells nobody whether there is an account (CVE-2025-9824)."""
    make_user("off@example.com", is_active=False)
    runs = []
    for name in ("encode", "verify"):
        real = getattr(Argon2PasswordHasher, name)

        def counted(*args: object, real: Callable[..., object] = real, name: str = name) -> object:
            runs.append(name)
            return real(*args)

        monkeypatch.setattr(Argon2PasswordHasher, name, counted)
    try_to_sign_in(client, email, "wrong")
    assert len(runs) == 1


def test_ten_wrong_tries_lock_the_account_from_everywhere(client: Client, alice: User) -> None:
    for number in range(9):
        assert try_to_sign_in(client, alice.email, "wrong", REMOTE_ADDR=f"10.0.0.{number}") == 200
    assert try_to_sign_in(client, "ALICE@example.com", "wrong", REMOTE_ADDR="10.0.0.9") == 429
    answer = client.post(
        SIGN_IN, {"username": alice.email, "password": PASSWORD}, REMOTE_ADDR="10.0.0.10"
    )
    assert answer.status_code == 429
    assert 890 <= int(answer.headers["Retry-After"]) <= 900
    assert "Try again in 15 minutes" in answer.content.decode()
    assert "_auth_user_id" not in client.session


def test_ten_wrong_tries_lock_the_address_for_every_account(client: Client, alice: User) -> None:
    for number in range(10):
        try_to_sign_in(client, f"guess{number}@example.com", "wrong")
    assert try_to_sign_in(client, alice.email, PASSWORD) == 429
    assert try_to_sign_in(client, alice.email, PASSWORD, REMOTE_ADDR="10.0.0.1") == 302


def test_an_own_account_does_not_reset_the_count_of_an_address(
    client: Client, alice: User, bob: User
) -> None:
    for _number in range(9):
        try_to_sign_in(client, alice.email, "wrong")
    assert try_to_sign_in(Client(), bob.email, PASSWORD) == 302
    assert try_to_sign_in(client, alice.email, "wrong") == 429


def test_a_success_forgets_the_tries_of_the_account(client: Client, alice: User) -> None:
    for number in range(9):
        try_to_sign_in(client, alice.email, "wrong", REMOTE_ADDR=f"10.0.0.{number}")
    assert try_to_sign_in(Client(), alice.email, PASSWORD, REMOTE_ADDR="10.0.1.1") == 302
    assert try_to_sign_in(client, alice.email, "wrong", REMOTE_ADDR="10.0.1.2") == 200


def test_trying_on_does_not_lengthen_the_lock(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _number in range(10):
        try_to_sign_in(client, alice.email, "wrong")
    later = time.time() + 600
    monkeypatch.setattr("accounts.throttle.time.time", lambda: later)
    monkeypatch.setattr("accounts.signin.time.time", lambda: later)
    answer = client.post(SIGN_IN, {"username": alice.email, "password": "wrong"})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) <= 300


@pytest.mark.django_db(transaction=True)
def test_the_count_is_one_for_all_processes() -> None:
    """Threads with connections of their own: nothing is counted in memory."""
    statuses: list[int] = []

    def guess(number: int) -> None:
        statuses.append(try_to_sign_in(Client(), f"guess{number}@example.com", "wrong"))
        from django.db import connection

        cache.close()
        connection.close()

    for number in range(12):
        thread = threading.Thread(target=guess, args=[number])
        thread.start()
        thread.join()
    assert statuses == [200] * 9 + [429] * 3


def test_a_forwarded_address_counts_only_behind_a_trusted_proxy(
    client: Client, alice: User, settings: Settings
) -> None:
    for number in range(10):
        try_to_sign_in(client, "x@example.com", "wrong", HTTP_X_FORWARDED_FOR=f"10.0.0.{number}")
    assert try_to_sign_in(client, alice.email, PASSWORD) == 429
    settings.TRUSTED_PROXIES = 1
    address = "1.1.1.1, 10.0.0.77"
    assert try_to_sign_in(client, alice.email, PASSWORD, HTTP_X_FORWARDED_FOR=address) == 302


def test_without_redis_nobody_gets_in_and_the_page_says_why(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> object:
        raise RedisConnectionError("connection refused")

    with monkeypatch.context() as patch:
        patch.setattr("redis.connection.ConnectionPool.get_connection", refuse)
        answer = client.post(SIGN_IN, {"username": alice.email, "password": PASSWORD})
    assert answer.status_code == 503
    assert "Redis does not answer" in answer.content.decode()


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("/sites/?a=b", "/sites/?a=b"),
        ("https://evil.example/", "/sites/"),
        ("//evil.example/", "/sites/"),
        ("/\\evil.example", "/sites/"),
        ("javascript:alert(1)", "/sites/"),
        ("profile", "/sites/"),
        ("accounts:profile", "/sites/"),
        ("/sites/?" + "a" * 20_000, "/sites/"),
        ("", "/sites/"),
    ],
)
def test_the_next_page_is_ours(client: Client, alice: User, asked: str, given: str) -> None:
    data = {"username": alice.email, "password": PASSWORD, "next": asked}
    assert client.post(SIGN_IN, data).headers["Location"] == given


def test_a_page_that_needs_a_session_is_come_back_to(client: Client, alice: User) -> None:
    answer = client.get(reverse("accounts:profile"))
    assert answer.headers["Location"] == "/signin/?next=/profile/"
    page = client.get(answer.headers["Location"]).content.decode()
    assert 'name="next" value="/profile/"' in page


def test_who_is_signed_in_needs_not_sign_in(as_user: Callable[[User], Client], alice: User) -> None:
    assert as_user(alice).get(SIGN_IN).headers["Location"] == "/sites/"


def test_signing_out_ends_the_session(as_user: Callable[[User], Client], alice: User) -> None:
    client = as_user(alice)
    assert client.post("/signout/").headers["Location"] == "/signin/"
    assert not Session.objects.exists()
    assert AuditEvent.objects.get(action="user.signed_out").actor == alice
    assert client.get("/profile/").status_code == 302


def test_a_link_can_not_sign_anybody_out(as_user: Callable[[User], Client], alice: User) -> None:
    assert as_user(alice).get("/signout/").status_code == 405


@pytest.mark.django_db
def test_a_form_from_elsewhere_is_refused() -> None:
    answer = Client(enforce_csrf_checks=True).post(SIGN_IN, {"username": "a@b.c", "password": "x"})
    assert answer.status_code == 403
    assert "open for too long" in answer.content.decode()


@pytest.mark.django_db
def test_cookies_are_out_of_reach_of_scripts(client: Client, settings: Settings) -> None:
    settings.SESSION_COOKIE_SECURE = True
    user = make_user()
    try_to_sign_in(client, user.email, PASSWORD)
    cookie = client.cookies["sessionid"]
    assert cookie["httponly"] and cookie["secure"] and cookie["samesite"] == "Lax"


@pytest.mark.django_db
def test_the_page_says_whom_to_ask_for_a_password(client: Client) -> None:
    assert "signinlink" in client.get("/signin/forgotten/").content.decode()
