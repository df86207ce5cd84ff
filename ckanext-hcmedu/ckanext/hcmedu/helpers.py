"""What templates ask for: texts, numbers and dates in the reader's language, and page contents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import babel.dates
import babel.numbers
import ckan.plugins.toolkit as tk
from ckan import model
from ckan.lib.i18n import get_lang
from flask import current_app, g, has_request_context, request
from markupsafe import Markup
from werkzeug.exceptions import default_exceptions

from ckanext.hcmedu import auth, collation, scoreboard, settings
from ckanext.hcmedu.city import readback
from ckanext.hcmedu.city.comparison import Finding
from ckanext.hcmedu.dcat import entries
from ckanext.hcmedu.dcat.documents import CROISSANT
from ckanext.hcmedu.scoreboard import Standing
from ckanext.hcmedu.search.highlighting import highlight
from ckanext.hcmedu.search.places import Place, Places
from ckanext.hcmedu.security import is_for_readers
from ckanext.hcmedu.validators import LANGUAGES, fluent_output
from harvesters import certificates
from harvesters.certificates import Protection
from harvesters.releases import Release, UnknownRelease
from harvesters.writers import SIMULATED
from schemas import TOTAL, CodeList, Column, Table

_NAMES = {
    "vi": {"vi": "Tiếng Việt", "en": "Vietnamese"},
    "en": {"vi": "Tiếng Anh", "en": "English"},
}
_OWN_NAMES = {"vi": "Tiếng Việt", "en": "English"}
_DATE_FORMATS = {"vi": "dd/MM/yyyy", "en": "d MMMM yyyy"}
_MOMENT_FORMATS = {"vi": "HH:mm dd/MM/yyyy", "en": "d MMMM yyyy, HH:mm"}


def language() -> str:
    """The language of the request, `vi` or `en`."""
    found = str(get_lang()).split("_")[0] if has_request_context() else LANGUAGES[0]
    return found if found in LANGUAGES else LANGUAGES[0]


def text(value: Any) -> Any:
    """Of a text in both languages the reader's, or the Vietnamese where that is missing."""
    if not isinstance(value, Mapping):
        return value or ""
    return value.get(language()) or value.get(LANGUAGES[0]) or next(iter(value.values()), "")


def languages() -> list[dict[str, str]]:
    """The portal's languages: their code, name in the reader's language and name in their own."""
    return [
        {"code": code, "name": text(_NAMES[code]), "own_name": _OWN_NAMES[code]}
        for code in LANGUAGES
    ]


def form_text(data: Mapping[str, Any], field: str, code: str) -> str:
    """What an input of a translated field shows: what was typed last, else what is stored."""
    typed = data.get(f"{field}-{code}")
    stored = data.get(field)
    value = typed if typed is not None else stored.get(code) if isinstance(stored, dict) else None
    return ", ".join(value) if isinstance(value, list) else value or ""


def number(value: float | Decimal | None) -> str:
    """A number as it is written in the reader's language: 2.528.789 or 2,528,789."""
    return "" if value is None else babel.numbers.format_decimal(value, locale=language())


def day(value: str | date | None) -> str:
    """A date as it is written in the reader's language: 23/11/2026 or 23 November 2026.

    A moment with a time zone is taken at its day in the portal's own zone.
    """
    if not value:
        return ""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return str(value)
    if isinstance(moment, datetime) and moment.tzinfo:
        moment = moment.astimezone(ZoneInfo(tk.config["ckan.display_timezone"]))
    return babel.dates.format_date(moment, _DATE_FORMATS[language()], locale=language())


def today() -> str:
    """The day, in the city's time and the reader's language."""
    return day(datetime.now(UTC))


def moment(value: str | datetime) -> str:
    """A moment with a time zone, at the portal's own clock: 14:05 26/11/2026."""
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    local = found.astimezone(ZoneInfo(tk.config["ckan.display_timezone"]))
    return babel.dates.format_datetime(local, _MOMENT_FORMATS[language()], locale=language())


def duration(seconds: float) -> str:
    """So many seconds, in the unit that suits them: 23 giây, 2 phút."""
    return babel.dates.format_timedelta(timedelta(seconds=seconds), locale=language())


def score(value: float | None, unit: Mapping[str, str]) -> str:
    """The value of a target with its unit, never rounded up: 92,4%."""
    shown, name = scoreboard.display(value), text(unit)
    if shown is None:
        return ""
    return f"{number(shown)}%" if name == "%" else f"{number(shown)} {name}"


def standings() -> list[Standing]:
    """The programme's targets that have a value now."""
    found = scoreboard.standings(settings.declarations())
    return [one for one in found if one.figure is not None and one.figure.value is not None]


def place_url(kind: str, code: str) -> str | None:
    """The page of an area or a school (`kind`); of an area without one that of its code, of a
    school none."""
    path = f"/{kind}/{code}"
    if current_app.url_map.bind("").test(path):
        return tk.h.url_for(path)
    if kind == "area":
        return tk.h.url_for("hcmedu_codelist.concept", name="area", code=code)
    return None


def file_size(size: int | str | None) -> str:
    """A size of so many bytes, in the unit that suits it: 12,3 KB."""
    if size in (None, ""):
        return ""
    amount, unit = float(size), "B"
    for larger in ("KB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    digits = "0" if unit == "B" or amount >= 100 else "0.0"
    return f"{babel.numbers.format_decimal(amount, digits, locale=language())} {unit}"


def period_span(periods: list[str]) -> str:
    """The periods that a release covers: the only one, or the first and the last."""
    if not periods:
        return ""
    named = [period_name(period) for period in (min(periods), max(periods))]
    return named[0] if named[0] == named[1] else " – ".join(named)


def period_name(period: str) -> str:
    """A school year, a month or a date as it is written in the reader's language."""
    parts = period.split("-")
    if len(parts) == 2 and len(parts[1]) == 2:
        return f"{parts[1]}/{parts[0]}" if language() == "vi" else _month(period)
    if len(parts) == 2 and len(parts[1]) == 4:
        return period if language() == "vi" else "–".join(parts)
    return day(period)


def _month(period: str) -> str:
    return babel.dates.format_date(date.fromisoformat(f"{period}-01"), "MMMM yyyy", locale="en")


def site_title() -> str:
    """The portal's title in the reader's language."""
    return text(settings.site_title())


def site_description() -> str:
    """What the portal is, in the reader's language."""
    return text(settings.site_description())


def is_simulated() -> bool:
    """Whether every page has to say that the data is simulated."""
    return settings.is_simulated()


def group_title(name: str) -> str | None:
    """The title of an organisation or topic in the reader's language, None if there is none."""
    return _group_titles().get(name)


def _group_titles() -> dict[str, str]:
    """The titles of all organisations and topics; read once a request, for lists name many."""
    cached = g.get("hcmedu_group_titles")
    if cached is None:
        rows = model.Session.query(model.Group.name, model.Group.title, model.Group.extras)
        cached = {
            name: text(translations(extras or {}, "title")) or title for name, title, extras in rows
        }
        g.hcmedu_group_titles = cached
    return cached


def translations(data: Mapping[str, Any], field: str) -> dict[str, Any] | None:
    """What `<field>_translated` of `data` holds, whether stored as JSON or shown as a mapping."""
    found = fluent_output(data.get(f"{field}_translated"))
    return found if isinstance(found, dict) else None


def topics() -> list[dict[str, Any]]:
    """The topics in the order of their titles: name, title, description, number of datasets."""
    groups = tk.get_action("group_list")(
        {"for_view": True},
        {"all_fields": True, "include_extras": True, "include_dataset_count": True},
    )
    return by_title(
        {
            "name": group["name"],
            "title": group["display_name"],
            "description": group["description"],
            "count": group["package_count"],
        }
        for group in groups
    )


def by_title(things: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Things with a `title` (or `display_name`), in the order of the Vietnamese alphabet."""
    return sorted(
        things, key=lambda thing: collation.key(thing.get("display_name") or thing["title"])
    )


def newest(rows: int = 6) -> list[dict[str, Any]]:
    """The datasets whose current release is the newest, at most `rows` of them."""
    found = tk.get_action("package_search")(
        {"for_view": True}, {"sort": "metadata_modified desc", "rows": rows, "facet": False}
    )
    return found["results"]


def dataset_count() -> int:
    """How many datasets the public can see."""
    return tk.get_action("package_search")({}, {"rows": 0, "facet": False})["count"]


def table(dataset: Mapping[str, Any]) -> Table | None:
    """The declaration of the table that a dataset publishes, None if it publishes none."""
    return settings.declarations().tables.get(dataset.get("hcmedu_table") or "")


def release(dataset: Mapping[str, Any]) -> Release | None:
    """The release that a dataset shows; None if it shows none or it is no longer there."""
    number = dataset.get("hcmedu_release")
    if not number or not dataset.get("hcmedu_table"):
        return None
    try:
        return settings.release_store().get(dataset["hcmedu_table"], int(number))
    except UnknownRelease:
        return None


def protection(release: Release) -> Protection | None:
    """How much of a release is suppressed; None where its table is no longer declared."""
    declared = settings.declarations().tables.get(release.table)
    return certificates.protection(declared, release.manifest) if declared else None


def audited(release: Release) -> str | None:
    """When all of a release was last audited, with what else is published; None if it was not
    since it was published, or did not pass."""
    last = settings.last_audit()
    return last.of(release.digests) if last else None


def audit_alarm() -> bool:
    """Whether the last audit of what is published failed, or is overdue."""
    last = settings.last_audit()
    return last is not None and bool(last.problems or last.is_overdue)


def city_copy(dataset: Mapping[str, Any]) -> tuple[Finding, datetime] | None:
    """What the city's catalogue was found to have of a dataset, and when; None where nobody has
    looked, or there is no such catalogue."""
    return readback.finding(dataset["id"]) if readback.is_configured() else None


def sees_city_catalogue() -> bool:
    """Whether the reader is shown what the city's catalogue has of all datasets."""
    return readback.is_configured() and is_staff()


def is_staff() -> bool:
    """Whether the reader is one of the department's staff."""
    return auth.is_staff(tk.current_user.name)


def percent(share: float) -> str:
    """A share as it is written in the reader's language, with at most one decimal: 12,5%."""
    if 0 < share < 0.001:
        return f"< {percent(0.001)}"
    return babel.numbers.format_percent(share, "#,##0.#%", locale=language())


def notes(manifest: Mapping[str, Any]) -> list[Mapping[str, str]]:
    """What a reader should know of a release, but that it is simulated: pages say so themselves."""
    return [note for note in manifest["notes"] if note != SIMULATED]


def license_title(license_id: str) -> str:
    """The name of a licence in the reader's language; datasets carry that of their last writer."""
    found = model.Package.get_license_register().get(license_id)
    return found.title if found else license_id


def error_title(code: int) -> str:
    """What an answer with an error's status says, in the reader's language."""
    titles = {
        400: tk._("The request could not be understood"),
        401: tk._("Please log in"),
        403: tk._("You may not see this page"),
        404: tk._("Page not found"),
        409: tk._("The request could not be carried out"),
        410: tk._("This is no longer available"),
        429: tk._("Too many requests"),
        500: tk._("Something went wrong on our side"),
        503: tk._("The portal is being worked on"),
    }
    return titles.get(code, tk._("Error {code}").format(code=code))


def error_detail(code: int, content: str | None) -> str:
    """What is said of an error beyond its status; nothing where it is the web server's own phrase,
    which is in English only."""
    stock = default_exceptions.get(code)
    return "" if stock and content == stock.description else content or ""


def codelist(name: str | None) -> CodeList | None:
    """A code list by its id."""
    return settings.declarations().codelists.get(name or "")


def code_label(codelist_id: str, code: str) -> str:
    """What a code stands for, in the reader's language; the code itself if it is not known."""
    found = codelist(codelist_id)
    if found is None or (code != TOTAL and code not in found.codes):
        return code
    return text(found.label(code))


def column_type(column: Column | Mapping[str, Any]) -> str:
    """The kind of value in a column, in the reader's language."""
    kind = column["type"] if isinstance(column, Mapping) else column.type
    names = {
        "code": tk._("code"),
        "institution": tk._("institution code"),
        "name": tk._("name"),
        "period": tk._("reference period"),
        "integer": tk._("whole number"),
        "decimal": tk._("number"),
        "status": tk._("status of the value"),
        "flag": tk._("flag of the value"),
        "count": tk._("count"),
        "rate": tk._("rate"),
        "magnitude": tk._("amount"),
    }
    return names.get(kind, kind)


def has_role(column: Mapping[str, Any], *roles: str) -> bool:
    """Whether a column of a manifest has one of `roles`."""
    return column.get("role") in roles


def tags(dataset: Mapping[str, Any]) -> list[dict[str, str]]:
    """A dataset's keywords in the reader's language, each with the tag that finds it."""
    translated = translations(dataset, "tags") or {}
    names = translated.get(LANGUAGES[0]) or [tag["name"] for tag in dataset.get("tags", [])]
    shown = translated.get(language()) or names
    # A keyword finds its datasets by its tag, which is the Vietnamese one; the lists pair up only
    # where both languages have as many.
    paired = shown if len(shown) == len(names) else names
    return [{"name": name, "title": title} for name, title in zip(names, paired, strict=True)]


def places(question: str) -> list[Place]:
    """The places that a reader names in a search."""
    return _places().named(question)


@lru_cache(maxsize=1)
def _places() -> Places:
    return Places(settings.declarations())


def found(text: str) -> Markup | str:
    """A text of a hit, in which what the reader looks for is marked."""
    question = request.args.get("q", "") if has_request_context() else ""
    return highlight(text, question) if question else text


def structured_data(dataset: Mapping[str, Any]) -> Markup:
    """The dataset as search engines read it in its page; empty while the feed does not have it."""
    record = entries.record(model.Session.connection(), dataset["id"], CROISSANT.name)
    # Its fragments hold nothing that ends the element, see `croissant.dumps`.
    return Markup(CROISSANT.document([record.fragment]) if record and record.fragment else "")


@tk.chained_helper
def datastore_dictionary(
    next_helper: Callable[..., list[dict[str, Any]]], *args: Any, **kwargs: Any
) -> list[dict[str, Any]]:
    """The data dictionary of a DataStore table, labelled in the reader's language.

    CKAN's previews know one label and one note a column; ours come in both languages, the English
    ones as `label_en` and `notes_en`.
    """
    fields = next_helper(*args, **kwargs)
    if language() == "vi":
        return fields
    translated = []
    for field in fields:
        info = dict(field.get("info") or {})
        for name in ("label", "notes"):
            info[name] = info.get(f"{name}_en") or info.get(name) or ""
        translated.append({**field, "info": info})
    return translated


def get_helpers() -> dict[str, Callable[..., Any]]:
    """The helpers by the names that templates use."""
    functions = (
        language,
        text,
        languages,
        form_text,
        number,
        day,
        today,
        moment,
        duration,
        score,
        standings,
        place_url,
        file_size,
        period_span,
        period_name,
        site_title,
        site_description,
        is_simulated,
        is_for_readers,
        group_title,
        topics,
        by_title,
        newest,
        dataset_count,
        table,
        release,
        protection,
        audited,
        audit_alarm,
        city_copy,
        sees_city_catalogue,
        is_staff,
        percent,
        notes,
        license_title,
        error_title,
        error_detail,
        codelist,
        code_label,
        column_type,
        has_role,
        tags,
        structured_data,
        found,
        places,
    )
    named = {f"hcmedu_{function.__name__}": function for function in functions}
    return {**named, "datastore_dictionary": datastore_dictionary}
