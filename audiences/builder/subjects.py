"""What a condition can be about, as a person chooses it: a field, an attribute, an event."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.core.cache import cache
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Site
from audiences import attributes
from audiences.catalogue import FIELDS, Field
from audiences.models import AttributeType
from subscribers.models import EventName

AUDIENCE = "audience"
EVENT_FIELDS = {
    "event": "",
    "event_last": gettext_lazy("last time"),
    "event_first": gettext_lazy("first time"),
    "event_sum": gettext_lazy("sum"),
    "event_average": gettext_lazy("average"),
}
# Ops of a reference to an audience: not of the catalogue, as a reference is a node of its own.
AUDIENCE_OPS = {"is_in": gettext_lazy("is in"), "is_not_in": gettext_lazy("is not in")}
MOST_EVENTS = 200
REMEMBERED = 60  # seconds


@dataclass(frozen=True)
class Subject:
    """`key` is what the form sends: "tag", "attribute_number:price", "event:purchase"."""

    key: str
    label: str
    # Several for an event: its operators then say of what they are.
    fields: tuple[Field, ...] = ()
    name: str = ""

    @property
    def ops(self) -> list[tuple[str, str]]:
        """(key, label) of each operator, such as ("event_last.within_last", "last time: …")."""
        if self.key == AUDIENCE:
            return [(f"{AUDIENCE}.{key}", str(label)) for key, label in AUDIENCE_OPS.items()]
        found = []
        for about in self.fields:
            prefix = str(EVENT_FIELDS.get(about.key, ""))
            found += [
                (f"{about.key}.{key}", f"{prefix}: {op.label}" if prefix else str(op.label))
                for key, op in about.ops.items()
            ]
        return found


def subject(key: str) -> Subject | None:
    """The subject of a key; None for an unknown one."""
    kind, _colon, name = key.partition(":")
    if key == AUDIENCE:
        return Subject(key, _("Audience"))
    if kind == "event" and name:
        return Subject(
            key, _("Event: %(name)s") % {"name": name}, tuple(FIELDS[k] for k in EVENT_FIELDS), name
        )
    if kind.startswith("attribute_") and kind in FIELDS and name:
        label = AttributeType.Kind(kind.removeprefix("attribute_")).label
        return Subject(key, f"{name} ({str(label).lower()})", (FIELDS[kind],), name)
    if key in FIELDS and "name" not in FIELDS[key].params:
        return Subject(key, str(FIELDS[key].label), (FIELDS[key],))
    return None


def key_of(about: str, name: str = "") -> str:
    """The key for a field of a rule and its name."""
    if about in EVENT_FIELDS:
        return f"event:{name}"
    return f"{about}:{name}" if name else about


@dataclass
class Subjects:
    """All that a person can choose from on a site, in groups."""

    site: Site
    groups: dict[str, list[Subject]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for group, about in self._all():
            self.groups.setdefault(str(group), []).append(about)

    def _all(self) -> Iterator[tuple[str | Promise, Subject]]:
        for about in FIELDS.values():
            if "name" not in about.params:
                yield about.group, Subject(about.key, str(about.label), (about,))
            elif about.key == "attribute_text":
                for name, kind in self.attributes():
                    yield about.group, _known(f"attribute_{kind}:{name}")
            elif about.key == "event":
                for name in self.events():
                    yield about.group, _known(f"event:{name}")
        yield _("Audience"), Subject(AUDIENCE, _("Audience"))

    def attributes(self) -> list[tuple[str, str]]:
        """(name, kind). Looking through people is dear, so it is remembered for a moment."""
        key = f"audiences:attributes:{self.site.pk}"
        found: list[tuple[str, str]] | None = cache.get(key)
        if found is None:
            found = sorted((one.name, str(one.kind)) for one in attributes.discover(self.site))
            cache.set(key, found, REMEMBERED)
        return found

    def events(self) -> list[str]:
        names = EventName.objects.filter(site=self.site).order_by("name")
        return list(names.values_list("name", flat=True)[:MOST_EVENTS])


def _known(key: str) -> Subject:
    found = subject(key)
    assert found is not None  # noqa: S101 - made of the catalogue's own keys
    return found
