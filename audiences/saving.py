"""Making, changing and deleting named audiences.

Whoever changes one, or has a rule name one, holds the site's audiences until the transaction ends
(`hold`): so no two changes lead in a circle together, no name is taken twice, and nothing is
deleted while another begins to name it. Who also locks a campaign does that first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Value
from django.db.models.functions import Lower
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import AuditEvent, Site, User
from audiences import references, rules, shapes
from audiences.models import Audience, AudienceSize
from audiences.rules import Rule, RuleError
from audiences.uses import Uses, used_by

__all__ = ["Change", "InUse", "Outdated", "Refused", "create", "delete", "update", "used_by"]

LONGEST_NAME = 120


class Refused(Exception):
    """It can't be saved or deleted. The sentence is for the person who asked."""

    def __init__(self, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        # "name" where that is to blame.
        self.field = field


class Outdated(Refused):
    """Somebody else changed it since it was read."""


class InUse(Refused):
    """It can't be deleted before `uses` do without it."""

    def __init__(self, sentence: str, uses: Uses) -> None:
        super().__init__(sentence)
        self.uses = uses


@dataclass(frozen=True)
class Change:
    """Who changed an audience last ("" where nobody knows), and when."""

    by: str
    at: datetime


def hold(site: Site) -> None:
    """Nobody else changes the site's audiences before the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"audiences of {site.pk}"])


def check(rule: Rule, site: Site) -> None:
    """Refuse a rule that names what is not there (RuleError); what it names stays till the commit.

    (Of campaigns that is not sure; but nothing starts by a rule that names one that is gone.)
    """
    hold(site)
    references.check(rule, site)


@transaction.atomic
def create(site: Site, name: str, rule: Any, *, by: User | None, by_name: str = "") -> Audience:
    """A new named audience. Refused for its name, RuleError for its rule (JSON)."""
    wanted = rules.parse(rule)
    hold(site)
    name = _free(site, name)
    references.check(wanted, site)
    event = audit.record("audience.created", site=site, actor=by, actor_name=by_name, target=name)
    return Audience.objects.create(
        site=site,
        name=name,
        rule=wanted.as_json(),
        created_by=by,
        created_at=event.at,
        updated_at=event.at,
    )


@transaction.atomic
def update(
    audience: Audience,
    *,
    name: str | None = None,
    rule: Any = None,
    revision: int | None = None,
    by: User | None,
    by_name: str = "",
) -> Audience:
    """Change its name, its rule or both; the audience as it is then.

    `revision`: the one that the person looked at; Outdated if it is another by now, unless that
    says the same. Refused for its name or where it was deleted, RuleError for its rule (JSON).
    """
    site = audience.site
    wanted = rules.parse(rule).as_json() if rule is not None else None
    hold(site)
    current = _locked(audience)
    if current is None:
        raise Refused(_("Somebody deleted this audience meanwhile."))
    new = current.name if name is None else _free(site, name, current)
    renamed, ruled = new != current.name, wanted not in (None, current.rule)
    if not renamed and not ruled:
        return current
    if revision not in (None, current.revision):
        raise _outdated(current, site)
    was = {"was": current.name} if renamed else {}
    current.name = new
    if ruled:
        references.check(rules.parse(wanted), site, saving=current)
        current.rule = wanted
    event = audit.record(
        "audience.changed", site=site, actor=by, actor_name=by_name, target=new, **was
    )
    current.updated_at = event.at
    current.revision += 1
    current.save(update_fields=["name", "rule", "revision", "updated_at"])
    if ruled:
        uses = used_by(current)
        _still_fit(uses, site)
        _count_again(current, uses, site)
    return current


@transaction.atomic
def delete(audience: Audience, *, by: User | None, by_name: str = "") -> bool:
    """Delete it; whether this call did. InUse while an audience or a waiting campaign needs it."""
    site = audience.site
    hold(site)
    current = _locked(audience)
    if current is None:
        return False
    uses = used_by(current)
    if uses:
        sentence = _("“%(name)s” is used by %(where)s. Take it out there first.")
        raise InUse(sentence % {"name": current.name, "where": uses.sentence}, uses)
    audit.record("audience.deleted", site=site, actor=by, actor_name=by_name, target=current.name)
    current.delete()
    return True


def copy_name(site: Site, name: str) -> str:
    """A free name for a copy: "Buyers (copy)", "Buyers (copy 2)"."""
    short = name[: LONGEST_NAME - 20]
    taken = set(
        Audience.objects.filter(site=site, name__istartswith=short)
        .annotate(lower=Lower("name"))
        .values_list("lower", flat=True)
    )
    names = [_("%(name)s (copy)") % {"name": short}]
    names += [
        _("%(name)s (copy %(n)d)") % {"name": short, "n": n} for n in range(2, len(taken) + 2)
    ]
    return next(one for one in names if one.lower() not in taken)


def last_changes(site: Site, audiences: Iterable[Audience]) -> dict[UUID, Change]:
    """Who changed each last, from the audit log, whose entry bears the same moment."""
    audiences = list(audiences)
    found = AuditEvent.objects.filter(
        site=site,
        at__in=[audience.updated_at for audience in audiences],
        action__in=("audience.created", "audience.changed"),
    )
    by = {(event.at, event.target): event.actor_name for event in found}
    return {
        audience.pk: Change(by.get((audience.updated_at, audience.name), ""), audience.updated_at)
        for audience in audiences
    }


def _locked(audience: Audience) -> Audience | None:
    """As it is now, for the rest of the transaction."""
    named = Audience.objects.select_for_update(no_key=True).exclude(name="")
    return named.filter(pk=audience.pk, site=audience.site_id).first()


def _free(site: Site, name: str, own: Audience | None = None) -> str:
    """The name, trimmed; Refused where it is empty, too long or another's."""
    name = " ".join(name.split()) if shapes.storable(name) else ""
    if not name:
        raise Refused(_("Give it a name, so that others find it."), "name")
    if len(name) > LONGEST_NAME:
        sentence = _("A name has at most %(most)d characters.")
        raise Refused(sentence % {"most": LONGEST_NAME}, "name")
    # By the database's own lower(), as its constraint does.
    named = Audience.objects.annotate(lower=Lower("name"))
    other = named.filter(site=site, lower=Lower(Value(name))).first()
    if other is not None and other != own:
        raise Refused(_("There is an audience “%(name)s” already.") % {"name": name}, "name")
    return name


def _outdated(current: Audience, site: Site) -> Outdated:
    change = last_changes(site, [current])[current.pk]
    at = date_format(localtime(change.at, site.zone), "j M H:i")
    sentence = _("%(who)s changed this audience on %(at)s, after you opened it. Open it again.")
    return Outdated(sentence % {"who": change.by or _("Somebody"), "at": at})


def _still_fit(uses: Uses, site: Site) -> None:
    """Refuse a rule with which one that names it could not be written out any more."""
    for use in uses.all:
        other = Audience.objects.get(pk=use.audience)
        try:
            references.resolve(rules.parse(other.rule), site)
        except RuleError as error:
            sentence = _("“%(name)s” names this audience, and can't with this rule: %(why)s")
            raise RuleError("", sentence % {"name": use.name, "why": error.sentence}) from None


def _count_again(audience: Audience, uses: Uses, site: Site) -> None:
    """Forget today's sizes of it and of those that name it: the ticker counts what has none."""
    changed = [audience.pk, *(use.audience for use in uses.audiences)]
    today = localtime(timezone=site.zone).date()
    AudienceSize.objects.filter(audience__in=changed, day=today).delete()
