import json
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisConnectionError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from accounts import api_keys
from accounts.models import ApiKey, AuditEvent, Role, Site, User
from tests.factories import make_member, make_site

SignedIn = Callable[[User], Client]
Scope = ApiKey.Scope


class OfTests(APIView):
    # As it is before tests/conftest.py compares every answer with the schema, which knows no tests.
    finalize_response = APIView.finalize_response


class Guarded(OfTests):
    required_scopes = {"GET": "subscribers:read", "POST": "campaigns:send"}

    def get(self, request: Request) -> Response:
        assert isinstance(request.auth, ApiKey)
        return Response({"site": str(request.auth.site.pk), "user": request.user})

    post = put = get


class Forgotten(OfTests):
    def get(self, request: Request) -> Response:
        return Response()


def call(key: str | None, method: str = "GET", view: type[APIView] = Guarded) -> Response:
    headers = {} if key is None else {"HTTP_AUTHORIZATION": key}
    request = APIRequestFactory().generic(method, "/api/v1/x/", **headers)  # type: ignore[arg-type]
    return view.as_view()(request)


def test_a_key_opens_its_site(site: Site, django_assert_num_queries: object) -> None:
    key, text = api_keys.create(site, "Shop", [Scope.ALL])
    with django_assert_num_queries(2):  # type: ignore[operator] # the key, and that it was used
        answer = call(f"Bearer {text}")
    assert (answer.status_code, answer.data) == (200, {"site": str(site.pk), "user": None})
    with django_assert_num_queries(1):  # type: ignore[operator] # within a minute: the key alone
        call(f"bearer {text}")


def test_the_key_itself_is_not_stored(site: Site) -> None:
    key, text = api_keys.create(site, "Shop", [Scope.ALL])
    assert re.fullmatch(r"bk_[\w-]{43}", text)
    assert text.startswith(key.prefix) and len(key.prefix) == 10
    assert text[10:].encode() not in bytes(key.secret_hash)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (None, "not provided"),
        ("Bearer bk_unknown", "This API key is unknown."),
        ("Bearer ", "This API key is unknown."),
        ("Basic YTpi", "Authorization: Bearer KEY"),
    ],
)
def test_without_a_key_nothing_opens(db: None, header: str | None, words: str) -> None:
    answer = call(header)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Beckon API"'
    assert words in answer.data["detail"]


def test_a_revoked_key_is_refused(site: Site, alice: User) -> None:
    key, text = api_keys.create(site, "Shop", [Scope.ALL])
    assert api_keys.revoke(key, by=alice)
    assert not api_keys.revoke(key, by=alice)
    answer = call(f"Bearer {text}")
    assert (answer.status_code, answer.data["detail"]) == (401, "This API key has been revoked.")
    assert AuditEvent.objects.filter(action="key.revoked").count() == 1


def test_an_expired_key_is_refused(site: Site) -> None:
    _key, text = api_keys.create(site, "Shop", [Scope.ALL], expires=timezone.now())
    assert call(f"Bearer {text}").data["detail"] == "This API key has expired."
    _key, text = api_keys.create(
        site, "Shop", [Scope.ALL], expires=timezone.now() + timedelta(hours=1)
    )
    assert call(f"Bearer {text}").status_code == 200


@pytest.mark.parametrize(
    ("scopes", "method", "status"),
    [
        ([Scope.SUBSCRIBERS_READ], "GET", 200),
        ([Scope.SUBSCRIBERS_READ], "HEAD", 200),
        ([Scope.SUBSCRIBERS_READ], "POST", 403),
        ([Scope.CAMPAIGNS_SEND], "POST", 200),
        ([Scope.CAMPAIGNS_SEND], "GET", 403),
        ([Scope.ALL], "PUT", 403),
        ([Scope.ALL], "OPTIONS", 403),
    ],
)
def test_a_key_does_what_its_scopes_say(
    site: Site, scopes: list[str], method: str, status: int
) -> None:
    _key, text = api_keys.create(site, "Shop", scopes)
    assert call(f"Bearer {text}", method).status_code == status


def test_a_missing_scope_is_named(site: Site) -> None:
    _key, text = api_keys.create(site, "Shop", [Scope.CAMPAIGNS_READ])
    answer = call(f"Bearer {text}")
    assert answer.data["detail"] == "This key lacks the scope subscribers:read."


def test_a_view_that_declares_no_scope_is_closed(site: Site) -> None:
    _key, text = api_keys.create(site, "Shop", [Scope.ALL])
    assert call(f"Bearer {text}", view=Forgotten).status_code == 403


def test_a_session_does_not_open_the_api(site: Site, alice: User) -> None:
    request = APIRequestFactory().get("/api/v1/x/")
    request.user = alice
    assert Guarded.as_view()(request).status_code == 401


def test_a_key_has_600_requests_a_minute(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "RATE", 2)
    monkeypatch.setattr("accounts.api_keys.time.time", lambda: 1_000_000_020.0)
    texts = [api_keys.create(site, "Shop", [Scope.ALL])[1] for _number in range(2)]
    statuses = [call(f"Bearer {texts[0]}").status_code for _time in range(3)]
    assert statuses == [200, 200, 429]
    assert call(f"Bearer {texts[1]}").status_code == 200
    answer = call(f"Bearer {texts[0]}")
    assert answer.headers["Retry-After"] == "60"


def test_only_keys_are_counted() -> None:
    request = Guarded().initialize_request(APIRequestFactory().get("/api/v1/x/"))
    assert api_keys.ApiKeyThrottle().allow_request(request, Guarded())


def test_the_schema_knows_the_scheme() -> None:
    scheme = api_keys.ApiKeyScheme(api_keys.ApiKeyAuthentication)  # type: ignore[no-untyped-call]
    assert scheme.get_security_definition(None)["scheme"] == "bearer"


def test_without_redis_keys_work_on(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    _key, text = api_keys.create(site, "Shop", [Scope.ALL])

    def refuse(*args: object, **kwargs: object) -> object:
        raise RedisConnectionError("connection refused")

    with monkeypatch.context() as patch:
        patch.setattr("redis.connection.ConnectionPool.get_connection", refuse)
        assert call(f"Bearer {text}").status_code == 200


def test_unknown_scopes_are_refused(site: Site) -> None:
    with pytest.raises(ValidationError, match="“everything” is not a scope"):
        api_keys.create(site, "Shop", [Scope.ALL, "everything"])
    with pytest.raises(ValidationError, match="Choose from"):
        api_keys.create(site, "Shop", [])


def test_the_page_shows_a_key_once(as_user: SignedIn, adam: User, site: Site) -> None:
    client, path = as_user(adam), f"/sites/{site.pk}/keys/"
    assert "No key yet" in client.get(path).content.decode()
    data = {"name": "Shop", "scopes": ["subscribers:read", "campaigns:read"], "expires": "30"}
    assert client.post(path, data).status_code == 302
    first, second = (client.get(path).content.decode() for _time in range(2))
    found = re.search(r"bk_[\w-]{43}", first)
    assert found and found[0] not in second
    assert call(f"Bearer {found[0]}").status_code == 200
    assert "Read subscribers, Read campaigns and reports" in second
    key = ApiKey.objects.get()
    assert key.expires_at and key.expires_at > timezone.now() + timedelta(days=29)
    assert (key.created_by, key.scopes) == (adam, ["subscribers:read", "campaigns:read"])
    assert AuditEvent.objects.get(action="key.created").actor == adam


def test_a_key_without_an_end(as_user: SignedIn, adam: User, site: Site) -> None:
    data = {"name": "Shop", "scopes": ["all", "campaigns:read"], "expires": ""}
    as_user(adam).post(f"/sites/{site.pk}/keys/", data)
    key = ApiKey.objects.get()
    assert (key.expires_at, key.scopes, str(key)) == (None, ["all"], f"Shop ({key.prefix}…)")


def test_the_page_says_what_is_missing(as_user: SignedIn, adam: User, site: Site) -> None:
    page = as_user(adam).post(f"/sites/{site.pk}/keys/", {"expires": "7"}).content.decode()
    assert "Name the key" in page and "Choose what the key may do" in page
    assert not ApiKey.objects.exists()


def test_a_key_is_revoked_on_the_page(as_user: SignedIn, adam: User, site: Site) -> None:
    key, text = api_keys.create(site, "Shop", [Scope.ALL])
    api_keys.create(site, "Old", [Scope.ALL], expires=timezone.now())
    client = as_user(adam)
    for _twice in range(2):
        assert client.post(f"/sites/{site.pk}/keys/{key.pk}/revoke/").status_code == 302
    page = client.get(f"/sites/{site.pk}/keys/").content.decode()
    assert "Revoked" in page and "Expired" in page
    assert call(f"Bearer {text}").status_code == 401


def test_a_foreign_key_is_not_found(as_user: SignedIn, alice: User, site: Site) -> None:
    foreign = make_site()
    key, _text = api_keys.create(foreign, "Shop", [Scope.ALL])
    assert as_user(alice).post(f"/sites/{site.pk}/keys/{key.pk}/revoke/").status_code == 404
    outsider = make_member(foreign, Role.MARKETER)
    assert as_user(outsider).post(f"/sites/{foreign.pk}/keys/{key.pk}/revoke/").status_code == 403


def test_createapikey_prints_json(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("createapikey", site=str(site.pk), scope=["all"], name="CI")
    answer = json.loads(capsys.readouterr().out)
    key = ApiKey.objects.get()
    assert answer == {"id": key.pk, "name": "CI", "key": answer["key"], "scopes": ["all"]}
    assert call(f"Bearer {answer['key']}").status_code == 200
    assert AuditEvent.objects.get().actor_name == "command line"


def test_createapikey_takes_several_scopes(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("createapikey", "--site", str(site.pk), "--scope", "campaigns:read,campaigns:send")
    assert json.loads(capsys.readouterr().out)["scopes"] == ["campaigns:read", "campaigns:send"]


@pytest.mark.parametrize("text", ["nonsense", "6f1f3f0e-0000-4000-8000-000000000000"])
def test_createapikey_names_an_unknown_site(db: None, text: str) -> None:
    with pytest.raises(CommandError, match=f"There is no site with the id {text}"):
        call_command("createapikey", site=text, scope=["all"])


def test_createapikey_names_an_unknown_scope(site: Site) -> None:
    with pytest.raises(CommandError, match="“some” is not a scope. Choose from: all, "):
        call_command("createapikey", site=str(site.pk), scope=["some"])
