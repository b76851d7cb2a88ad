"""Where a named audience is used: by other audiences, and by what waits to be sent to it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import Site
from audiences.models import Audience

# In a sentence so many are named, then how many more there are.
MOST_NAMED = 3

_EDGES = """
SELECT user_.id, user_.name, array_agg(DISTINCT named #>> '{}')
FROM audiences_audience user_,
     jsonb_path_query(user_.rule, '$.**.audience ? (@.type() == "string")') named
WHERE user_.site_id = %s AND user_.rule::text LIKE '%%"audience":%%'
GROUP BY user_.id
"""


@dataclass(frozen=True)
class Use:
    """One thing that names an audience, itself or through others: its name, state and page."""

    id: UUID
    # The audience whose rule it is; of a campaign its own, without a name.
    audience: UUID
    name: str
    address: str
    # Of a campaign: what it is called in a sentence, such as "the draft".
    state: str = ""
    called: str = ""


@dataclass(frozen=True)
class Uses:
    """Campaigns that have not begun (or still find out who gets them), and named audiences."""

    campaigns: tuple[Use, ...] = ()
    audiences: tuple[Use, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.campaigns or self.audiences)

    @property
    def all(self) -> tuple[Use, ...]:
        """Campaigns first."""
        return (*self.campaigns, *self.audiences)

    @property
    def scheduled(self) -> tuple[Use, ...]:
        """The campaigns that go out by themselves."""
        return tuple(use for use in self.campaigns if use.state == "scheduled")

    @property
    def sentence(self) -> str:
        """Where, for people: "the draft “Autumn” and the audience “Buyers”"; "" for nowhere."""
        every = self.all
        named = [f"{use.called} “{use.name}”" for use in every[:MOST_NAMED]]
        if len(every) > MOST_NAMED:
            named.append(_("%(n)d more") % {"n": len(every) - MOST_NAMED})
        if len(named) < 2:
            return "".join(named)
        return _("%(all)s and %(last)s") % {"all": ", ".join(named[:-1]), "last": named[-1]}


# Of audiences without a name, what owns them and has not begun.
Owners = Callable[[Collection[UUID]], Mapping[UUID, Use]]
_owners: list[Owners] = []
# What has begun with a rule of its own that names an id, and still reads it.
Readers = Callable[[Site, UUID], Iterable[Use]]
_readers: list[Readers] = []


def register(owners: Owners, readers: Readers) -> None:
    """Add those of an app above this one (AppConfig.ready)."""
    if owners not in _owners:
        _owners.append(owners)
        _readers.append(readers)


def used_by(audience: Audience) -> Uses:
    """What would change with this audience, also where others name it in between."""
    return of(audience.site, [audience.pk])[audience.pk]


def of(site: Site, audiences: Iterable[UUID]) -> dict[UUID, Uses]:
    """The uses of several audiences of a site, asked in one go."""
    names, naming = _graph(site)
    above = {pk: _reaching(pk, naming) for pk in audiences}
    unnamed = {user for users in above.values() for user in users if not names[user]}
    owned: dict[UUID, Use] = {}
    for owners in _owners if unnamed else ():
        owned |= owners(unnamed)
    return {
        pk: Uses(
            campaigns=tuple(owned[user] for user in users if user in owned),
            audiences=tuple(_named(site, user, names[user]) for user in users if names[user]),
        )
        for pk, users in above.items()
    }


def read_by(site: Site, named: UUID) -> tuple[Use, ...]:
    """What has begun and still reads an id, such as that of a list."""
    return tuple(use for readers in _readers for use in readers(site, named))


def of_rules(site: Site, names: Mapping[UUID, str]) -> Uses:
    """Some audiences themselves (the name of each, "" for a campaign's own), and their uses."""
    above = of(site, names).values()
    unnamed = [pk for pk, name in names.items() if not name]
    owned: dict[UUID, Use] = {}
    for owners in _owners if unnamed else ():
        owned |= owners(unnamed)
    campaigns = (*owned.values(), *(use for one in above for use in one.campaigns))
    named = (_named(site, pk, name) for pk, name in names.items() if name)
    audiences = (*named, *(use for one in above for use in one.audiences))
    return Uses(tuple(dict.fromkeys(campaigns)), tuple(dict.fromkeys(audiences)))


def _graph(site: Site) -> tuple[dict[UUID, str], dict[UUID, list[UUID]]]:
    """The names of the audiences that name others, and who names each."""
    names: dict[UUID, str] = {}
    naming: dict[UUID, list[UUID]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_EDGES, [site.pk])
        for user, name, named in cursor.fetchall():
            names[user] = name
            for one in named:
                naming.setdefault(UUID(one), []).append(user)
    return names, naming


def _reaching(audience: UUID, naming: Mapping[UUID, list[UUID]]) -> list[UUID]:
    """Whoever names it, then whoever names those, each once."""
    found: dict[UUID, None] = {}
    waiting = [audience]
    while waiting:
        users = [user for one in waiting for user in naming.get(one, ()) if user not in found]
        found |= dict.fromkeys(users)
        waiting = list(dict.fromkeys(users))
    return list(found)


def _named(site: Site, audience: UUID, name: str) -> Use:
    address = reverse("audiences:edit", args=[site.pk, audience])
    return Use(audience, audience, name, address, called=_("the audience"))
