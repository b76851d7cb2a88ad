"""Checks that take a while: other servers are asked, people counted. Each has its limit of time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.templatetags.beckon import number
from audiences import counting, overlap, references, rules
from audiences.languages import label
from campaigns import digests, looking, pictures
from campaigns.checks import Check, Level
from campaigns.looking import Found
from campaigns.models import Campaign, Message, Picture, Run
from campaigns.pace import took
from campaigns.readiness import Standing, Step

# Within so long, two that say the same look like a mistake.
CLOSE = timedelta(hours=1)
# At most so many earlier campaigns are compared, and addresses looked at.
MOST_COMPARED = 5
MOST_ADDRESSES = 8
MOST_NAMED = 3


def of(standing: Standing) -> list[Check]:
    """All of them, one after the other."""
    return [*addresses(standing), *languages(standing), *duplicates(standing, timezone.now())]


def addresses(standing: Standing) -> list[Check]:
    """Pages that don't answer and pictures that devices would not show."""
    asked = list(_asked(standing.message))[:MOST_ADDRESSES]
    if not asked:
        return []
    # Only these wait for others; ours are read from the database, in this thread.
    own = [address for _field, address, _look in asked if pictures.ours(address)]
    with ThreadPoolExecutor(len(asked)) as pool:
        far = {
            address: pool.submit(look, address)
            for _field, address, look in asked
            if address not in own
        }
        found = [
            look(address) if address in own else far[address].result()
            for _field, address, look in asked
        ]
    return [
        Check(
            "page" if look is looking.page else "picture",
            Level.WARN,
            " ".join(filter(None, (f"{address}: {seen.sentence}", seen.fix))),
            _("Change the address"),
            Step.MESSAGE,
            field,
        )
        for (field, address, look), seen in zip(asked, found, strict=True)
        if not seen.ok
    ]


Asked = tuple[str, str, Callable[[str], Found]]


def _icon(address: str) -> Found:
    return looking.picture(address, Picture.Kind.ICON)


def _asked(message: Message) -> Iterator[Asked]:
    """Each address that is the same for everybody, once, with the field that it stands in."""
    own = {"url": message.url, "image": message.image, "icon": message.icon}
    rows = [own | {"actions": message.actions, "translations": message.translations}]
    rows += message.variants
    looks: dict[str, Callable[[str], Found]] = {
        "url": looking.page,
        "image": looking.picture,
        "icon": _icon,
    }
    seen: set[str] = set()
    for row in rows:
        for part in [row, *row.get("translations", {}).values()]:
            places = [(name, part.get(name) or "") for name in looks]
            places += [
                (f"action{at}_url", one.get("url") or "")
                for at, one in enumerate(part.get("actions") or [], start=1)
            ]
            for field, address in places:
                if address and "{" not in address and address not in seen:
                    seen.add(address)
                    yield field, address, looks.get(field, looking.page)


def languages(standing: Standing) -> list[Check]:
    """Devices in languages that a message with translations has no words in."""
    message, site = standing.message, standing.campaign.site
    if not message.translations:
        return []
    try:
        with counting.at_most(settings.AUDIENCE_TIMEOUT_MS):
            devices = counting.matching(site, standing.rule).filter(counting.ACTIVE)
            by_language = devices.order_by().values_list("language").annotate(Count("pk"))
            missing = _missing(by_language, message, site.language)
    except (counting.TooLong, rules.RuleError):
        return []
    if not missing:
        return []
    total = sum(missing.values())
    named = sorted(missing, key=lambda base: -missing[base])
    words = {
        "count": number(total),
        "languages": ", ".join(
            f"{label(base)} {number(missing[base])}" for base in named[:MOST_NAMED]
        ),
        "own": label(site.language),
    }
    sentence = ngettext(
        "%(count)s device has no translation and reads %(own)s: %(languages)s.",
        "%(count)s devices have no translation and read %(own)s: %(languages)s.",
        total,
    )
    if len(named) > MOST_NAMED:
        sentence = ngettext(
            "%(count)s device has no translation and reads %(own)s: %(languages)s and others.",
            "%(count)s devices have no translation and read %(own)s: %(languages)s and others.",
            total,
        )
    fix = _("Add a translation")
    return [Check("translation", Level.NOTE, sentence % words, fix, Step.MESSAGE, "add_language")]


def _missing(found: Iterable[tuple[str, int]], message: Message, own: str) -> dict[str, int]:
    """Devices by the base of a language that has no translation and is not the site's own."""
    known = {tag.partition("-")[0].lower() for tag in [*message.translations, own]}
    missing: dict[str, int] = {}
    for language, count in found:
        base = language.partition("-")[0].lower()
        if base and base not in known:
            missing[base] = missing.get(base, 0) + count
    return missing


def duplicates(standing: Standing, now: datetime) -> list[Check]:
    """Campaigns within the hour that say the same to some of the same people."""
    campaign, message = standing.campaign, standing.message
    at = campaign.scheduled_for or now
    said = digests.of_message(message)
    found = []
    for other, moment in _close(campaign, at)[:MOST_COMPARED]:
        theirs = other.messages.latest()
        alike = (theirs.title, theirs.url) == (message.title, message.url)
        if digests.of_message(theirs) != said and not (alike and _shares(standing, other)):
            continue
        words = {"name": other.name, "time": took(abs((at - moment).total_seconds()))}
        sentence = (
            _("“%(name)s” says the same, %(time)s earlier.")
            if moment <= at
            else _("“%(name)s” says the same, %(time)s later.")
        )
        fix = _("Change the message")
        found.append(Check("duplicate", Level.WARN, sentence % words, fix, Step.MESSAGE, "title"))
    return found


def _close(campaign: Campaign, at: datetime) -> list[tuple[Campaign, datetime]]:
    """The site's other campaigns that started or start within the hour, the newest first."""
    within = (at - CLOSE, at + CLOSE)
    others = Campaign.objects.filter(site=campaign.site_id).exclude(pk=campaign.pk)
    others = others.exclude(Q(parent=campaign.pk) | Q(pk=campaign.parent_id))
    runs = Run.objects.filter(campaign__in=others, kind=Run.Kind.CAMPAIGN, started_at__range=within)
    went = [(run.campaign, run.started_at) for run in runs.select_related("campaign__audience")]
    goes = others.filter(state=Campaign.State.SCHEDULED, scheduled_for__range=within)
    comes = [(one, one.scheduled_for) for one in goes.select_related("audience")]
    both = [*went, *((one, moment) for one, moment in comes if moment is not None)]
    return sorted(both, key=lambda found: found[1], reverse=True)


def _shares(standing: Standing, other: Campaign) -> bool:
    """Whether two audiences have people in common. What takes too long to count has."""
    site = standing.campaign.site
    try:
        theirs = rules.parse(other.audience.rule)
        if standing.rule.everyone or theirs.everyone:
            return True
        mine = references.resolve(standing.rule, site)
        return bool(overlap.overlap(site, mine, references.resolve(theirs, site)).both)
    except rules.RuleError:
        return False
    except counting.TooLong:
        return True
