"""Lists of people: made from uploaded files, with their history."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Site, User
from audiences import list_files, saving, uses
from audiences.list_files import Readable, Refused
from audiences.models import Audience, ListMember, ListProblem, ListUpload, StaticList
from audiences.uses import Uses
from subscribers.exporting import guarded

KEEP_PROBLEMS: Final = timedelta(days=30)
LONGEST_NAME: Final = 120
_BUFFER: Final = 65_536  # bytes handed to PostgreSQL at once
Mode = ListUpload.Mode
Names = ListUpload.Names


@dataclass(frozen=True)
class Actor:
    """Who changes a list: a person, or an API key by its name."""

    user: User | None = None
    name: str = ""


# Lists


def create(site: Site, name: str, *, by: Actor) -> StaticList:
    """An empty list. Refused for a name that another list has."""
    name = _name(name)
    try:
        with transaction.atomic():
            made = StaticList.objects.create(site=site, name=name, created_by=by.user)
            _record("list.created", made, by)
    except IntegrityError:
        raise Refused(_taken(name)) from None
    return made


def rename(static_list: StaticList, name: str, *, by: Actor) -> None:
    """Refused for a name that another list has."""
    name = _name(name)
    try:
        with transaction.atomic():
            StaticList.objects.filter(pk=static_list.pk).update(name=name)
            _record("list.renamed", static_list, by, name=name)
    except IntegrityError:
        raise Refused(_taken(name)) from None
    static_list.name = name


def delete(static_list: StaticList, *, by: Actor) -> None:
    """With its history. Refused while a rule refers to it."""
    with transaction.atomic():
        saving.hold(static_list.site)
        _lock(static_list)
        if used := used_by(static_list):
            said = _("This list is used by %(uses)s. Change that first.")
            raise Refused(said % {"uses": used.sentence})
        _record("list.deleted", static_list, by)
        static_list.delete()


def used_by(static_list: StaticList) -> Uses:
    """The audiences whose rule names the list and the campaigns that wait for it, also through
    audiences that name those; and campaigns that find out just now who gets them."""
    mentions = Audience.objects.filter(
        site=static_list.site_id, rule__icontains=str(static_list.pk)
    )
    found = dict(mentions.order_by("name", "pk").values_list("pk", "name"))
    used = uses.of_rules(static_list.site, found)
    # Asked last: what has begun since was found waiting.
    planned = uses.read_by(static_list.site, static_list.pk)
    return replace(used, campaigns=(*used.campaigns, *planned))


def of_site(site: Site) -> QuerySet[StaticList]:
    """By name, with `size` and `changed_at` as of the last upload."""
    last = ListUpload.objects.filter(list=OuterRef("pk")).order_by("-pk")
    return (
        StaticList.objects.filter(site=site)
        .annotate(
            size=Coalesce(Subquery(last.values("members")[:1]), 0),
            changed_at=Subquery(last.values("at")[:1]),
        )
        .order_by("name", "pk")
    )


def members(static_list: StaticList, upload: ListUpload | None = None) -> QuerySet[ListMember]:
    """Who is on the list, or was after an upload of it."""
    rows = ListMember.objects.filter(list=static_list)
    if upload is None:
        return rows.filter(removed=None)
    # Uploads of a list take turns, so their ids are in the order in which they took effect.
    return rows.filter(Q(removed=None) | Q(removed__gt=upload.pk), added__lte=upload.pk)


# Uploads


def upload(
    static_list: StaticList,
    file: Readable,
    *,
    mode: str,
    names: str,
    by: Actor,
    file_name: str = "",
    column: str = "",
    may_empty: bool = False,
) -> ListUpload:
    """Change a list by a CSV file of external ids or of hashes of e-mail addresses.

    All of it or nothing: Refused, with a sentence, for a file that can't be read, that is too
    large, or that would replace everybody by nobody (unless `may_empty`).
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL work_mem = '64MB'")
            cursor.execute(_ROWS_TABLE)
        rows, malformed = _copy(list_files.rows(file, names, column))
        _lock(static_list)
        done = _begin(static_list, by, mode=mode, names=names, file_name=file_name)
        done.rows, done.malformed = rows, malformed
        _match(done, static_list.site_id)
        if mode == Mode.REPLACE and not done.matched and not may_empty:
            _refuse_emptying(done)
        with connection.cursor() as cursor:
            cursor.execute(_PROBLEMS, {"upload": done.pk})
            cursor.execute("DROP TABLE upload_rows")
        _apply(done)
        _record("list.uploaded", static_list, by, file=done.file_name, mode=mode)
    return done


def restore(static_list: StaticList, version: ListUpload, *, by: Actor) -> ListUpload:
    """Go back to the members after an upload; those who were erased since stay away."""
    with transaction.atomic():
        _lock(static_list)
        done = _begin(
            static_list, by, mode=Mode.REPLACE, names=version.names, file_name=version.file_name
        )
        done.rows = done.matched = members(static_list, version).count()
        with connection.cursor() as cursor:
            cursor.execute(_FOUND_AGAIN_TABLE, _ids(list=done.list_id, version=version.pk))
        _apply(done)
        _record("list.restored", static_list, by, version=version.at.isoformat(timespec="minutes"))
    return done


def forget_problems(now: datetime) -> int:
    """Delete the reports that are older than KEEP_PROBLEMS; how many rows that were."""
    old = ListUpload.objects.filter(at__lt=now - KEEP_PROBLEMS)
    return ListProblem.objects.filter(upload__in=old)._raw_delete("default")


def has_report(done: ListUpload, now: datetime) -> bool:
    """Whether rows of it named nobody, and its report is still kept."""
    return bool(done.unmatched or done.malformed) and done.at >= now - KEEP_PROBLEMS


def report(done: ListUpload) -> Iterator[str]:
    """The rows that named nobody, as lines of CSV. Memory stays flat."""
    yield _line(("line", "what", "value", "why"))
    for problem in done.problems.order_by("line", "pk").iterator(chunk_size=2_000):
        yield _line((str(problem.line), problem.kind, problem.value, why(problem, done.names)))


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow([guarded(cell) for cell in cells])
    return text.getvalue()


def why(problem: ListProblem, names: str) -> str:
    """What a report says about a row."""
    if problem.kind == ListProblem.Kind.UNMATCHED:
        return str(ListProblem.Kind.UNMATCHED.label)
    return list_files.fault(problem.value, names)


# How a file becomes members: rows are copied into a table of this transaction, then sets are
# compared. A file of a million rows takes seconds that way.

_ROWS_TABLE = """
CREATE TEMPORARY TABLE upload_rows (line integer NOT NULL, value text, shown text)
"""
# The condition on the column repeats that of its index, or it would not be used.
_FOUND_TABLE = """
CREATE TEMPORARY TABLE upload_found AS
SELECT named.line, coalesce(named.shown, named.value) AS shown, person.id AS person
FROM (
    SELECT value, min(line) AS line, min(shown) AS shown
    FROM upload_rows WHERE value IS NOT NULL GROUP BY value
) named
LEFT JOIN subscribers_subscriber person
    ON person.site_id = %(site)s AND person.{column} = named.value AND NOT person.{column} = ''
"""
_COUNT_FOUND = """
SELECT
    count(DISTINCT line) FILTER (WHERE person IS NOT NULL),
    count(*) FILTER (WHERE person IS NULL)
FROM upload_found
"""
_PROBLEMS = """
INSERT INTO audiences_listproblem (upload_id, line, kind, value)
SELECT %(upload)s, line, 'malformed', shown FROM upload_rows WHERE value IS NULL
UNION ALL
SELECT %(upload)s, line, 'unmatched', shown FROM upload_found WHERE person IS NULL
"""
_FOUND_AGAIN_TABLE = """
CREATE TEMPORARY TABLE upload_found AS
SELECT subscriber_id AS person FROM audiences_listmember
WHERE list_id = %(list)s AND added_id <= %(version)s
AND (removed_id IS NULL OR removed_id > %(version)s)
"""
# The tables of members may have changed much since PostgreSQL looked at them last: with an index
# no plan is a bad one.
_FOUND_READY = """
CREATE INDEX ON upload_found (person);
ANALYZE upload_found
"""
_LEAVE = """
UPDATE audiences_listmember member SET removed_id = %(upload)s
WHERE list_id = %(list)s AND removed_id IS NULL
AND {which} (SELECT FROM upload_found WHERE person = member.subscriber_id)
"""
# The lock leaves out whoever is erased meanwhile. It is taken last, and held for the shortest time.
# In the order of their ids, rows go beside each other into the indexes.
_JOIN = """
INSERT INTO audiences_listmember (list_id, subscriber_id, added_id)
SELECT %(list)s, person.id, %(upload)s
FROM upload_found found JOIN subscribers_subscriber person ON person.id = found.person
WHERE NOT EXISTS (
    SELECT FROM audiences_listmember member
    WHERE member.list_id = %(list)s AND member.removed_id IS NULL
    AND member.subscriber_id = found.person
)
ORDER BY person.id
FOR KEY SHARE OF person
"""


def _copy(rows: Iterator[list_files.Row]) -> tuple[int, int]:
    """Copy rows into the table; how many there are, and how many of them are malformed."""
    count = malformed = 0
    with connection.cursor() as cursor:
        with cursor.copy("COPY upload_rows (line, value, shown) FROM STDIN") as copy:
            buffer: list[str] = []
            for at, value, shown in rows:
                count += 1
                if not value:
                    malformed += 1
                    text = f"{at}\t\\N\t{_escaped(shown)}\n"
                elif shown == value:
                    text = f"{at}\t{_escaped(value)}\t\\N\n"
                else:
                    text = f"{at}\t{_escaped(value)}\t{_escaped(shown)}\n"
                buffer.append(text)
                if len(buffer) == 1_000:
                    copy.write("".join(buffer))
                    buffer.clear()
            copy.write("".join(buffer))
        cursor.execute("ANALYZE upload_rows")
    return count, malformed


def _escaped(text: str) -> str:
    """For COPY. Tabs and line ends can't be: neither a value nor what is shown has any."""
    return text.replace("\\", "\\\\")


def _begin(
    static_list: StaticList, by: Actor, *, mode: str, names: str, file_name: str
) -> ListUpload:
    return ListUpload.objects.create(
        list=static_list,
        by=by.user,
        by_name=(by.name or str(by.user or ""))[:150],
        mode=Mode(mode),
        names=Names(names),
        file_name=list_files.shown(file_name)[:200],
    )


def _match(done: ListUpload, site: UUID) -> None:
    """Find the people whom the rows name, each by the first row that does."""
    column = "email_hash" if done.names == Names.EMAIL_HASH else "external_id"
    with connection.cursor() as cursor:
        cursor.execute(_FOUND_TABLE.format(column=column), {"site": site})
        cursor.execute(_COUNT_FOUND)
        done.matched, done.unmatched = cursor.fetchone()
    done.repeated = done.rows - done.matched - done.unmatched - done.malformed


def _apply(done: ListUpload) -> None:
    """Change who is on the list by the people in upload_found, and count it."""
    known = _ids(list=done.list_id, upload=done.pk)
    with connection.cursor() as cursor:
        cursor.execute(_FOUND_READY)
        if done.mode != Mode.ADD:
            which = "EXISTS" if done.mode == Mode.REMOVE else "NOT EXISTS"
            cursor.execute(_LEAVE.format(which=which), known)
            done.removed = cursor.rowcount
        if done.mode != Mode.REMOVE:
            cursor.execute(_JOIN, known)
            done.added = cursor.rowcount
        cursor.execute("DROP TABLE upload_found")
    done.members = members(done.list).count()
    done.save()


def _ids(**named: UUID | int) -> dict[str, str | int | None]:
    return {name: one if isinstance(one, int) else str(one) for name, one in named.items()}


def _refuse_emptying(done: ListUpload) -> None:
    """Refused if nobody would be left on the list, which is rarely what was meant."""
    if not done.rows:
        raise Refused(
            _("The file has no rows. To empty the list, say so with “Empty it if nobody is named”.")
        )
    if members(done.list).exists():
        raise Refused(
            _(
                "None of the %(rows)s rows names somebody of this site, so the list would be "
                "empty. Look at the first rows, and at what you say that they hold. To empty the "
                "list, say so with “Empty it if nobody is named”."
            )
            % {"rows": f"{done.rows:,}"}
        )


def _lock(static_list: StaticList) -> None:
    """Let changes of one list take turns. Refused if it has been deleted meanwhile."""
    found = StaticList.objects.select_for_update(no_key=True).filter(pk=static_list.pk)
    if not found.exists():
        raise Refused(_("This list has been deleted meanwhile."))


def _record(action: str, static_list: StaticList, by: Actor, **detail: str) -> None:
    audit.record(
        action,
        site=static_list.site,
        actor=by.user,
        actor_name=by.name,
        target=static_list.name,
        **detail,
    )


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise Refused(_("Give the list a name of at most %(most)d characters.") % {"most": 120})
    return name


def _taken(name: str) -> str:
    return _("Another list is called “%(name)s”. Choose another name.") % {"name": name}
