"""manage.py createsite"""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from accounts.models import AuditEvent, Membership, Site
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def createsite(*arguments: str) -> dict[str, str]:
    out = io.StringIO()
    call_command("createsite", *arguments, stdout=out)
    answer: dict[str, str] = json.loads(out.getvalue())
    return answer


def test_it_works() -> None:
    answer = createsite("--name", "Shop", "--origin", "https://shop.example")
    site = Site.objects.get()
    assert answer.keys() == {"id", "key", "vapid_public_key"}
    assert (answer["id"], answer["key"]) == (str(site.id), site.key)
    assert len(answer["vapid_public_key"]) == 87
    assert AuditEvent.objects.get().action == "site.created"


def test_all_options() -> None:
    alice = make_user("alice@example.com")
    createsite(
        *("--name", "Shop", "--origin", "https://a.example", "--origin", "https://b.example"),
        *("--language", "nb", "--time-zone", "Europe/Oslo", "--owner", "Alice@example.com"),
    )
    site = Site.objects.get()
    assert site.origins == ["https://a.example", "https://b.example"]
    assert (site.language, site.time_zone) == ("nb", "Europe/Oslo")
    assert Membership.objects.get().user == alice


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--name", "", "--origin", "https://a.example"], "A site needs a name"),
        (["--name", "Shop", "--origin", "a.example"], "This is not an origin"),
        (["--name", "S", "--origin", "https://a.example", "--time-zone", "Mars"], "time zone"),
        (["--name", "S", "--origin", "https://a.example", "--owner", "x@y.z"], "Nobody has"),
        (["--name", "Shop"], "--origin"),
    ],
)
def test_it_rejects(arguments: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        createsite(*arguments)
    assert not Site.objects.exists()
