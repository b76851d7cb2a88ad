"""From a message and a reader to what that person sees, and to the bytes that say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any

from django.conf import settings

from accounts.models import Site
from campaigns import tokens
from campaigns.models import Message
from campaigns.personal import addresses, apps, language, scanning, values, variables, wire
from campaigns.personal.choosing import Editions, Key, Texts
from campaigns.personal.faults import Aborted
from campaigns.personal.filling import Edition, Filling
from campaigns.personal.people import Needs, Reader
from campaigns.personal.wire import Content
from subscribers.models import Channel

# Characters that a variable is taken to put in where sizes are told before anybody is known.
ASSUMED = 20
# A member of an enumeration takes longer to look up.
WEB, FCM, APNS = Channel.WEB.value, Channel.FCM.value, Channel.APNS.value
APPS = (FCM, APNS)
UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")


class Renderer:
    """A message's renderer: make one for many readers.

    Nothing that it gives away is Liquid any more, nor anything that reads otherwise than it looks.
    """

    def __init__(self, message: Message, site: Site) -> None:
        self._message = message
        self._site = site
        self._editions = Editions(message, site.language)
        self._prepared: dict[Key, Edition] = {}
        # Of those that do not differ from person to person.
        self._contents: dict[Key, tuple[Content, frozenset[str]]] = {}
        self._templates: dict[Key, wire.Template] = {}
        self._app = apps.Options(message)
        # By variant, channel, language and platform as the device says them.
        self._app_templates: dict[tuple[int | None, str, str, str], apps.Template] = {}
        # The links of both, where they do not differ from person to person.
        self._led: dict[tuple[Key, tuple[str, ...]], tuple[tuple[str, str], frozenset[str]]] = {}
        self._hosts = addresses.own_hosts(site)

    @cached_property
    def _names(self) -> frozenset[tuple[str, ...]]:
        texts = {self._editions.texts(key) for key in self._editions.every()}
        sources = {source for one in texts for source in one.sources}
        sources |= {self._app.link(system) for system in apps.SYSTEMS}
        return frozenset(name for source in sources for name in names_in(source))

    @cached_property
    def plain(self) -> bool:
        """Whether everybody gets the same, or nobody anything: apps as well as browsers."""
        personal = any(name[0] in variables.PERSONAL for name in self._names)
        return not personal and not self._editions.several and not self._differs_in_apps

    @cached_property
    def _differs_in_apps(self) -> bool:
        """Whether what is the same for all can be said in browsers, and not in any app."""
        try:
            content = self.content()
        except Aborted:
            return False
        if self._app.surely_fit(content):
            return False
        try:
            for channel in APPS:
                self.payload(token="t" * tokens.LENGTH, tag="t" * 32, channel=channel)
        except Aborted:
            return True
        return False

    @cached_property
    def needs(self) -> Needs:
        """What `people.readers` must load. False if `plain`, or if only the variants differ."""
        devices = any(key[1:] != ("", "") for key in self._editions.every())
        # A device of FCM that says its system is told half as much.
        devices = devices or (not self.plain and self._differs_in_apps)
        return Needs.of(self._names, device=devices)

    @property
    def category(self) -> str:
        """Of notifications on iOS, which has the buttons; "" for none."""
        return str(self._app.of(apps.IOS).get("category") or "")

    @cached_property
    def used(self) -> frozenset[str]:
        """The variables that the texts name: "subscriber.first_name"."""
        return frozenset(".".join(name) for name in self._names)

    def content(
        self,
        reader: Reader | None = None,
        variant: int | None = None,
        channel: str = WEB,
    ) -> Content:
        """What this person sees. Aborted, with the code for the ledger, if they get nothing.

        `reader` None is somebody of whom nothing is known; `variant` None is A. The links of apps
        are filled in for channels of apps only.
        """
        return self.rendered(reader, variant, channel)[0]

    def defaulted(self, reader: Reader | None, variant: int | None = None) -> frozenset[str]:
        """The variables in whose place this person sees something else, or nothing."""
        try:
            return self.rendered(reader, variant)[1]
        except Aborted:
            return frozenset()

    def rendered(
        self, reader: Reader | None, variant: int | None = None, channel: str = WEB
    ) -> tuple[Content, frozenset[str]]:
        """`content` and `defaulted` at once."""
        key = self._key(reader, variant, channel)
        content, missed = self._content(key, reader)
        if channel == WEB:
            return content, missed
        systems = apps.systems_of(channel, reader.platform if reader else "")
        (android, ios), more = self._links(key, reader, systems)
        return replace(content, link_android=android, link_ios=ios), missed | more

    def payload(
        self,
        reader: Reader | None = None,
        variant: int | None = None,
        *,
        token: str = "",
        tag: str = "",
        channel: str = WEB,
        ttl: int | None = None,
    ) -> bytes:
        """One recipient's payload, UTF-8. Aborted if they get nothing, or if it is too large.

        `ttl`: seconds, of which apps are told in it; None: the message's.
        """
        if channel != WEB:
            ttl = self._message.ttl if ttl is None else ttl
            made = self._app_template(reader, variant, channel).fill(token, tag, ttl)
            if len(made) > apps.LIMIT:
                raise Aborted("too_large")
            return made
        key = self._key(reader, variant)
        template = self._templates.get(key)
        if template is None:
            template = wire.Template(self._content(key, reader)[0], self._tail)
            if key in self._contents:
                self._templates[key] = template
        made = template.fill(token=token, tag=tag)
        if len(made) > settings.PAYLOAD_LIMIT:
            raise Aborted("too_large")
        return made

    def _app_template(
        self, reader: Reader | None, variant: int | None, channel: str
    ) -> apps.Template:
        language, platform = (reader.language, reader.platform) if reader else ("", "")
        asked = (variant, channel, language, platform)
        template = self._app_templates.get(asked)
        if template is None:
            content = self.content(reader, variant, channel)
            systems = apps.systems_of(channel, platform)
            template = apps.Template(channel, content, self._app, systems)
            if self._key(reader, variant, channel) in self._contents and not self._personal_links:
                self._app_templates[asked] = template
        return template

    def largest(self, channel: str = WEB) -> int:
        """Bytes of the largest payload, where each variable puts in ASSUMED characters, and all
        branches of a condition are said. Devices with an app say their system."""
        token, tag = "t" * tokens.LENGTH, "t" * 32
        keys = self._editions.every()
        if channel == WEB:
            templates = (wire.Template(self._assumed(key), self._tail) for key in keys)
            return max(len(one.fill(token=token, tag=tag)) for one in templates)
        made = (
            apps.Template(channel, self._assumed(key), self._app, (system,))
            for key in keys
            for system in apps.systems_of(channel, "")
            if key[2] in ("", system)
        )
        return max(len(one.fill(token, tag, self._message.ttl)) for one in made)

    def parameters(self, variant: int | None = None) -> Mapping[str, str]:
        """The UTM parameters of a variant in the message's own language, filled in."""
        return self._edition(self._key(None, variant)).utm

    @cached_property
    def _tail(self) -> str:
        return wire.tail()

    def _key(self, reader: Reader | None, variant: int | None, channel: str = WEB) -> Key:
        language, platform = (reader.language, reader.platform) if reader else ("", "")
        return self._editions.key(variant, language, "iOS" if channel == APNS else platform)

    @cached_property
    def _personal_links(self) -> bool:
        """Whether the links of apps differ from person to person."""
        links = (self._app.link(system) for system in apps.SYSTEMS)
        return any(name[0] in variables.PERSONAL for link in links for name in names_in(link))

    def _links(
        self, key: Key, reader: Reader | None, systems: tuple[str, ...]
    ) -> tuple[tuple[str, str], frozenset[str]]:
        """Those of Android and iOS, and what was missing in them."""
        if known := self._led.get((key, systems)):
            return known
        filling = Filling(self._edition(key), reader, self._hosts)
        led = {one: filling.link(self._app.link(one)) for one in systems}
        made = (led.get(apps.ANDROID, ""), led.get(apps.IOS, "")), filling.missed
        if not self._personal_links:
            self._led[key, systems] = made
        return made

    def _content(self, key: Key, reader: Reader | None) -> tuple[Content, frozenset[str]]:
        if known := self._contents.get(key):
            return known
        edition = self._edition(key)
        made = Filling(edition, reader, self._hosts).content()
        if not edition.personal:
            self._contents[key] = made
        return made

    def _edition(self, key: Key) -> Edition:
        if key not in self._prepared:
            texts = self._editions.texts(key)
            texts = replace(texts, icon=texts.icon or self._site.icon_url)
            shared = self._shared(texts)
            utm = {name: self._parameter(name, texts, shared) for name in UTM}
            named = {name[0] for source in texts.sources for name in names_in(source)}
            edition = Edition(texts, shared, utm, bool(named & variables.PERSONAL))
            self._prepared[key] = edition
        return self._prepared[key]

    def _shared(self, texts: Texts) -> dict[str, Any]:
        site, coupon = self._site, dict(self._message.coupon or {})
        held = {name: values.clean(value) for name, value in coupon.items()}
        held["amount"] = values.money(coupon.get("amount"))
        held["expires_at"] = moment(coupon.get("expires_at"), site)
        url = site.default_url or (site.origins[0] if site.origins else "")
        shared: dict[str, Any] = {
            "site": {"name": values.line(site.name), "url": url, "language": site.language},
            "campaign": {"name": self._campaign_name(), "variant": texts.letter},
        }
        if kept := {name: value for name, value in held.items() if value is not None}:
            shared["coupon"] = kept
        return shared

    def _campaign_name(self) -> str:
        message = self._message
        named = ("campaign", "name") in self._names or any(
            scanning.has_liquid(getattr(message, name)) for name in UTM
        )
        # Else it need not be read.
        return values.line(message.campaign.name) if named and message.campaign_id else ""

    def _parameter(self, name: str, texts: Texts, shared: Mapping[str, Any]) -> str:
        source: str = getattr(self._message, name)
        if not scanning.has_liquid(source):
            return source
        scope = {**shared, "variant": texts.letter, "language": texts.language}
        try:
            return values.line(language.parse(source).render(scope)[0], 200)
        except (Aborted, scanning.Unreadable, *language.FAILURES):
            return ""

    def _assumed(self, key: Key) -> Content:
        edition = self._edition(key)
        texts, gap = edition.texts, "x" * ASSUMED

        def said(source: str) -> str:
            try:
                return addresses.filled(source, gap) if scanning.has_liquid(source) else source
            except scanning.Unreadable:
                return source

        def address(source: str) -> str:
            try:
                return wire.with_parameters(said(source), edition.utm)
            except ValueError:
                return said(source)

        return Content(
            title=said(texts.title),
            body=said(texts.body),
            url=address(texts.url),
            icon=texts.icon,
            image=said(texts.image),
            badge=texts.badge,
            actions=tuple((said(title), address(url)) for title, url in texts.actions),
            language=texts.language,
            link_android=address(self._app.link(apps.ANDROID)),
            link_ios=address(self._app.link(apps.IOS)),
        )


def names_in(source: str) -> frozenset[tuple[str, ...]]:
    """The variables of a text; none for one that can't be read."""
    if not scanning.has_liquid(source):
        return frozenset()
    try:
        return language.parse(source).names
    except scanning.Unreadable:
        return frozenset()


def moment(text: object, site: Site) -> datetime | None:
    """A stored moment on the site's clock; None for what is none."""
    try:
        at = datetime.fromisoformat(str(text or ""))
    except ValueError:
        return None
    return at.astimezone(site.zone) if at.tzinfo else at.replace(tzinfo=site.zone)
