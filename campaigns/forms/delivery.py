"""What all variants and languages of a message share: how it is kept, coupon, UTM values."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from crispy_forms.layout import Row
from django import forms
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns import drafting
from campaigns.forms.experiment import percent
from campaigns.forms.fields import More, TextField
from campaigns.forms.schedule import WallField
from campaigns.models import Campaign, Message

CUSTOM = "custom"
KEEP = [
    ("0", gettext_lazy("Only devices that are online now")),
    ("3600", gettext_lazy("1 hour")),
    ("14400", gettext_lazy("4 hours")),
    ("43200", gettext_lazy("12 hours")),
    ("86400", gettext_lazy("24 hours")),
    ("259200", gettext_lazy("3 days")),
    ("604800", gettext_lazy("1 week")),
    ("2419200", gettext_lazy("4 weeks, the longest that push services keep it")),
    (CUSTOM, gettext_lazy("Another time, in seconds")),
]
UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")


class DeliveryPart(forms.Form):
    """The part of the message's form that no cell has of its own. `message` is set before."""

    campaign: Campaign
    message: Message

    coupon_code = TextField(
        "coupon",
        label=gettext_lazy("Code"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    coupon_percent = percent(gettext_lazy("Percent off"), 1, 100)
    coupon_expires = WallField(
        label=gettext_lazy("Ends"),
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"],
        error_messages={"invalid": gettext_lazy("Write a date and a time: 2026-11-26 18:00.")},
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    keep = forms.ChoiceField(
        label=gettext_lazy("Kept for devices that are offline"), choices=KEEP, required=False
    )
    ttl = forms.IntegerField(
        label=gettext_lazy("Seconds"), min_value=0, max_value=2_419_200, required=False
    )
    urgency = forms.ChoiceField(
        label=gettext_lazy("Urgency"),
        choices=Message.Urgency.choices,
        required=False,
        help_text=gettext_lazy("Lower saves people's batteries; the phone may wait with it."),
    )
    utm_source = TextField("utm", label="utm_source")
    utm_medium = TextField("utm", label="utm_medium")
    utm_campaign = TextField("utm", label="utm_campaign")
    utm_term = TextField("utm", label="utm_term")
    utm_content = TextField(
        "utm",
        label="utm_content",
        help_text=gettext_lazy(
            "Any of them may hold {{ campaign.name }}, {{ variant }} and {{ language }}."
        ),
    )

    def add_delivery(self) -> None:
        """Give the fields what the message has."""
        message, coupon = self.message, self.message.coupon
        keep = str(message.ttl) if str(message.ttl) in dict(KEEP) else CUSTOM
        self.initial.update({name: getattr(message, name) for name in (*UTM, "urgency")})
        self.initial["keep"] = keep
        if keep == CUSTOM:
            self.initial["ttl"] = message.ttl
        self.initial["coupon_code"] = coupon.get("code", "")
        self.initial["coupon_percent"] = coupon.get("percent")
        self.initial["coupon_expires"] = self._expires()

    def _expires(self) -> datetime | None:
        """When the coupon ends, on the site's clock."""
        text = self.message.coupon.get("expires_at")
        moment = parse_datetime(text) if isinstance(text, str) else None
        if moment is None or moment.tzinfo is None:
            return moment
        return moment.astimezone(self.campaign.site.zone).replace(tzinfo=None)

    def delivery_layout(self) -> list[Any]:
        return [
            More(
                gettext_lazy("Coupon"),
                "about_coupon",
                Row("coupon_code", "coupon_percent", "coupon_expires"),
            ),
            More(gettext_lazy("Delivery details"), "about_delivery", Row("keep", "ttl"), "urgency"),
            More(
                gettext_lazy("UTM parameters"),
                "about_utm",
                Row("utm_source", "utm_medium", "utm_campaign"),
                Row("utm_term", "utm_content"),
            ),
        ]

    def about_coupon(self) -> str:
        coupon = self.message.coupon
        parts = [coupon.get("code", "")]
        if coupon.get("percent"):
            parts.append(_("%(percent)s %% off") % {"percent": coupon["percent"]})
        if expires := self._expires():
            parts.append(_("until %(moment)s") % {"moment": date_format(expires, "D j M H:i")})
        return ", ".join(filter(None, parts)) or _("none")

    def about_delivery(self) -> str:
        urgency = dict(Message.Urgency.choices).get(str(self["urgency"].value()), "")
        return f"{self.kept()} · {urgency}"

    def kept(self) -> str:
        """How long a push service keeps it for a device that is offline, in words."""
        chosen = str(self["keep"].value())
        if chosen == CUSTOM:
            return _("%(count)s seconds") % {"count": self["ttl"].value() or "?"}
        return str(dict(KEEP).get(chosen, ""))

    def about_utm(self) -> str:
        named = [str(self[name].value() or "") for name in UTM]
        return ", ".join(filter(None, named)) or _("none are added")

    def clean_ttl_chosen(self) -> None:
        custom = self.cleaned_data.get("keep") == CUSTOM and "ttl" not in self.errors
        if custom and self.cleaned_data.get("ttl") is None:
            self.add_error("ttl", _("Say how many seconds, from 0 to 2,419,200 (4 weeks)."))

    def delivery(self) -> dict[str, Any]:
        """What is valid, as `drafting.edit_message` takes it; what is not valid is left out."""
        clean = self.cleaned_data
        found: dict[str, Any] = {
            name: clean[name] for name in UTM if name in clean and name in self.data
        }
        if clean.get("keep") and clean["keep"] != CUSTOM:
            found["ttl"] = int(clean["keep"])
        elif clean.get("keep") and clean.get("ttl") is not None:
            found["ttl"] = clean["ttl"]
        if clean.get("urgency"):
            found["urgency"] = clean["urgency"]
        if "name" in clean and found.get("utm_campaign") == drafting.utm_of(self.initial["name"]):
            # It follows the name until somebody gives it another.
            found["utm_campaign"] = drafting.utm_of(clean["name"])
        if "coupon_code" in self.data:
            found["coupon"] = self._coupon()
        return found

    def _coupon(self) -> dict[str, Any]:
        coupon = dict(self.message.coupon)
        clean = self.cleaned_data
        if "coupon_code" in clean:
            coupon["code"] = clean["coupon_code"]
        if "coupon_percent" in clean:
            coupon["percent"] = clean["coupon_percent"]
        if "coupon_expires" in clean:
            # Without a zone: the site's clock.
            wall = clean["coupon_expires"]
            coupon["expires_at"] = wall.isoformat(timespec="minutes") if wall else None
        return {name: value for name, value in coupon.items() if value not in ("", None)}
