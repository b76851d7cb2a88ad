import json

import pytest

from campaigns import payload, tokens
from campaigns.models import Message
from tests.factories import make_campaign, make_site


@pytest.mark.django_db
def test_the_payload_is_declarative_web_push() -> None:
    site = make_site(icon_url="https://shop.example/icon.png", language="nb")
    campaign = make_campaign(
        site,
        message={
            "title": "Vinterlag",
            "body": "20 % på dun · 🧤",
            "actions": [{"title": "Se", "url": "https://shop.example/dun"}],
            "utm_source": "beckon",
            "utm_campaign": "vinter",
        },
    )
    made = payload.payload(campaign.messages.get(), site, token="tok", tag="tag")
    document = json.loads(made)
    assert document == {
        "web_push": 8030,
        "notification": {
            "title": "Vinterlag",
            "body": "20 % på dun · 🧤",
            "navigate": "https://shop.example/down?utm_source=beckon&utm_campaign=vinter",
            "lang": "nb",
            "dir": "auto",
            "icon": "https://shop.example/icon.png",
            "actions": [
                {
                    "action": "a0",
                    "title": "Se",
                    "navigate": "https://shop.example/dun?utm_source=beckon&utm_campaign=vinter",
                }
            ],
            "tag": "tag",
            "data": {"t": "tok", "u": "http://127.0.0.1:8000/push/events/"},
        },
    }
    assert "🧤".encode() in made, "escapes would cost three times the bytes"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/", "https://a.example/?utm_source=s&utm_medium=web+push"),
        (
            "https://a.example/?q=1#top",
            "https://a.example/?q=1&utm_source=s&utm_medium=web+push#top",
        ),
        (
            "https://a.example/?utm_source=mine",
            "https://a.example/?utm_source=mine&utm_medium=web+push",
        ),
        (
            "https://a.example/?flag&x=%C3%A5",
            "https://a.example/?flag&x=%C3%A5&utm_source=s&utm_medium=web+push",
        ),
    ],
)
def test_utm_parameters_are_added_and_never_replaced(url: str, expected: str) -> None:
    message = Message(url=url, utm_source="s", utm_medium="web push")
    assert payload.opens(message) == expected


@pytest.mark.django_db
def test_the_size_is_what_every_recipient_gets() -> None:
    site = make_site()
    message = make_campaign(site).messages.get()
    from datetime import date

    token = tokens.make(tokens.DeliveryKey(date(2026, 11, 1), 2**40, 2**50))
    sent = payload.payload(message, site, token=token, tag=tokens.topic(2**40, 2**50))
    assert payload.size(message, site) == len(sent)
