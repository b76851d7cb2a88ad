"""What one real person would see of a message on each system, before anybody does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Site
from audiences import countries, languages
from campaigns import cells, reasons
from campaigns.cells import Cell
from campaigns.models import Delivery, Message
from campaigns.personal import people, values
from campaigns.personal.choosing import choose, direction
from campaigns.personal.faults import ABORTED, Aborted
from campaigns.personal.people import Needs, Reader
from campaigns.personal.rendering import Renderer
from campaigns.personal.variables import VARIABLES
from subscribers.models import Channel, Subscriber, Subscription

# The four cards, and what a device of each says that it is.
SYSTEMS = {"android": "Android", "windows": "Windows", "macos": "macOS", "ios": "iOS"}
# The cards of apps: the channel of a device, and what it says that it is.
APPS = {"android_app": (Channel.FCM, "Android"), "ios_app": (Channel.APNS, "iOS")}
# Stands for a title that is still to be written.
UNTITLED = "\u2026"
NAMES = ("subscriber.first_name", "subscriber.name")
MOST_EXAMPLES = 40
# Among so many somebody is looked for whom a message does not leave out.
MOST_TRIED = 50
LONGEST_EXAMPLE = 60


@dataclass(frozen=True)
class Person:
    """Whom the previews are for: the device that was seen last."""

    subscriber: Subscriber
    device: Subscription

    @property
    def place(self) -> str:
        """ "Bergen, Norwegian Bokmål": where they are, and the language of their device."""
        said = self.subscriber.attributes.get("city")
        code = countries.country_of(self.device.time_zone)
        place = said if isinstance(said, str) else countries.label(code) if code else ""
        return ", ".join(filter(None, (place[:40], languages.label(self.device.language))))


@dataclass(frozen=True)
class Card:
    """What one system shows; `nothing` says why this person gets nothing, "" if they do.

    `link`: what a tap opens in an app, "" for a browser. An app shows its own icon.
    """

    title: str = ""
    body: str = ""
    url: str = ""
    icon: str = ""
    image: str = ""
    # [{"title": str}]
    actions: list[dict[str, str]] = field(default_factory=list)
    language: str = ""
    rtl: bool = False
    nothing: str = ""
    link: str = ""


@dataclass(frozen=True)
class Example:
    """A variable with what it says of the person; `real` is False for an invented value."""

    name: str
    label: str
    value: str
    real: bool

    @property
    def short(self) -> str:
        return self.name.removeprefix("subscriber.")

    @property
    def insert(self) -> str:
        """What stands between the braces: names get a word for those who have none."""
        return f'{self.name} | default: "there"' if self.name in NAMES else self.name


@dataclass(frozen=True)
class Preview:
    person: Person | None
    cards: Mapping[str, Card]
    # By APPS.
    apps: Mapping[str, Card]
    examples: list[Example]
    # Bytes of the largest of all variants, languages and systems, about.
    size: int
    # The same for each channel.
    sizes: Mapping[str, int]
    opens: str
    # The cell that this person would read, by the language of their device.
    reads: Cell
    reads_label: str
    # Variables in whose place they see something else, or nothing.
    defaulted: list[str]
    # Whether there is anything to count: people who read another language, or a default.
    differs: bool

    @property
    def nothing(self) -> str:
        """Why they get nothing on any system, "" where they do on one."""
        cards = list(self.cards.values())
        return "" if any(not card.nothing for card in cards) else cards[0].nothing


def person_of(site: Site, chosen: UUID | None) -> Person | None:
    """Somebody chosen, else the newest with a device that can be reached; None if there is none."""
    devices = Subscription.objects.active().filter(site=site).select_related("subscriber")
    if chosen is not None:
        mine = devices.filter(subscriber_id=chosen).order_by("-last_seen_at", "-pk")
        if (device := mine.first()) is not None:
            return Person(device.subscriber, device)
    device = devices.order_by("-pk").first()
    return Person(device.subscriber, device) if device else None


def recipient_of(message: Message, site: Site) -> Person | None:
    """The newest of some people who would be told something, else the newest of all."""
    renderer = Renderer(message, site)
    devices = Subscription.objects.active().filter(site=site).order_by("-pk")[:MOST_TRIED]
    newest = {device.pk: device for device in devices.select_related("subscriber")}
    found = people.readers(site, list(newest), renderer.needs, timezone.now())
    for pk, device in newest.items():
        try:
            renderer.content(found.get(pk))
        except Aborted:
            continue
        return Person(device.subscriber, device)
    return person_of(site, None)


def preview(message: Message, site: Site, cell: Cell, person: Person | None) -> Preview:
    """A cell of a message (which need not be stored) as somebody would see it."""
    whole = Renderer(message, site)
    renderer = Renderer(titled(only(message, cell), cell), site)
    reader = _reader(site, renderer, person)
    asked = cell.language or site.language
    shown = {
        system: replace(reader, platform=platform, language=asked)
        for system, platform in SYSTEMS.items()
    }
    cards = {key: _card(renderer, one, cell) for key, one in shown.items()}
    apps = {key: _app_card(renderer, replace(reader, language=asked), cell, key) for key in APPS}
    defaulted = renderer.defaulted(shown["android"], cell.variant)
    sizes = {str(channel): whole.largest(channel) for channel in Channel.values}
    device = person.device.language if person else ""
    read = choose(_written(message, cell.variant), device, site.language)
    return Preview(
        person=person,
        cards=cards,
        apps=apps,
        examples=_examples(message, site, reader, person),
        size=sizes[Channel.WEB],
        sizes=sizes,
        opens=cards["android"].url,
        reads=Cell(cell.variant, read),
        reads_label=languages.label(read or site.language),
        defaulted=sorted(defaulted),
        differs=bool(cells.languages(message) or whole.used),
    )


def titled(message: Message, cell: Cell) -> Message:
    """With a title, for what is still to be written gives nobody nothing."""
    if cells.content(message, Cell(cell.variant))["title"]:
        return message
    return cells.applied(message, cells.written(message, Cell(cell.variant), {"title": UNTITLED}))


def only(message: Message, cell: Cell) -> Message:
    """The message as it is in a cell's language, whatever a device asks for."""
    if not cell.language:
        return cells.applied(message, cells.written(message, cell, {"translations": {}}))
    said = cells.content(message, cell)
    row = Cell(cell.variant)
    kept = {cell.language: said} if said else {}
    return cells.applied(message, cells.written(message, row, {"translations": kept}))


def _written(message: Message, variant: int) -> list[str]:
    tags = cells.languages(message)
    return [tag for tag in tags if cells.content(message, Cell(variant, tag))]


def _reader(site: Site, renderer: Renderer, person: Person | None) -> Reader:
    """The person with all that any text may say of them."""
    if person is not None:
        named = {one.path for one in VARIABLES} | {tuple(n.split(".")) for n in renderer.used}
        mine = {("subscriber", name) for name in list(person.subscriber.attributes)[:MOST_EXAMPLES]}
        needs = Needs.of(named | mine, device=True)
        found = people.readers(site, [person.device.pk], needs, timezone.now())
        if (reader := found.get(person.device.pk)) is not None:
            return reader
    return Reader(subscription_id=0, subscriber_id=UUID(int=0))


def _card(renderer: Renderer, reader: Reader, cell: Cell, channel: str = Channel.WEB) -> Card:
    try:
        shown = renderer.content(reader, cell.variant, channel)
    except Aborted as refusal:
        return Card(nothing=why(refusal.code))
    return Card(
        title="" if shown.title == UNTITLED else shown.title,
        body=shown.body,
        url=shown.url,
        icon=shown.icon,
        image=shown.image,
        actions=[{"title": title} for title, _url in shown.actions],
        language=shown.language,
        rtl=direction(shown.language) == "rtl",
        link="" if channel == Channel.WEB else shown.link_android or shown.link_ios or shown.url,
    )


def _app_card(renderer: Renderer, reader: Reader, cell: Cell, kind: str) -> Card:
    """An app shows its own icon, and buttons only on iOS, where they are those of a category."""
    channel, platform = APPS[kind]
    card = _card(renderer, replace(reader, platform=platform), cell, channel)
    buttons = card.actions if channel == Channel.APNS and renderer.category else []
    return replace(card, icon="", actions=buttons)


def why(code: str) -> str:
    """Why somebody gets nothing, after a code of the ledger: "no price"."""
    if code.startswith(ABORTED):
        return code.removeprefix(ABORTED) or _("the text says so")
    said = reasons.words(Delivery.State.SKIPPED, code, None)
    return said[:1].lower() + said[1:]


def _examples(message: Message, site: Site, reader: Reader, person: Person | None) -> list[Example]:
    """Each variable with what it says of the person, else with an invented value."""
    coupon = {name: values.clean(value) for name, value in message.coupon.items()}
    own = {"name": site.name, "url": site.default_url, "language": site.language}
    context = {**reader.context, "coupon": coupon, "site": own}
    known = [(one.name, str(one.label), one.example) for one in VARIABLES]
    names = {name for name, _label, _example in known}
    for name in list(person.subscriber.attributes if person else {})[:MOST_EXAMPLES]:
        full = f"subscriber.{name}"
        if name.isidentifier() and full not in names:
            known.append((full, name, ""))
    return [_example(context, *one) for one in known]


def _example(context: Mapping[str, Any], name: str, label: str, example: object) -> Example:
    value: Any = context
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    said = values.shown(value)
    text = said or values.shown(example)
    return Example(name, label, values.line(text, LONGEST_EXAMPLE), bool(said))
