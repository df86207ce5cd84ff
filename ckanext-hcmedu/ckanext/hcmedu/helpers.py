"""What templates ask for: texts, numbers and dates in the reader's language, and page contents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import ckan.plugins.toolkit as tk
from ckan import model
from flask import g, has_request_context, request
from markupsafe import Markup
from werkzeug.exceptions import default_exceptions

from ckanext.hcmedu import auth, collation, scoreboard, settings
from ckanext.hcmedu.addresses import link
from ckanext.hcmedu.city import readback
from ckanext.hcmedu.city.comparison import Finding
from ckanext.hcmedu.conformance import outcome
from ckanext.hcmedu.conformance.outcome import Score
from ckanext.hcmedu.dcat import entries, measurements, quality
from ckanext.hcmedu.dcat.documents import CROISSANT
from ckanext.hcmedu.dcat.naming import dataset_iri
from ckanext.hcmedu.figures.register import School, register
from ckanext.hcmedu.figures.shown import (
    Figures,
    KeyFigure,
    filters,
    headline_of,
    key_figures,
    newest_figure,
)
from ckanext.hcmedu.organizations import topic_figures
from ckanext.hcmedu.published import published
from ckanext.hcmedu.scoreboard import Standing
from ckanext.hcmedu.search import queries, suggestions
from ckanext.hcmedu.search.highlighting import highlight
from ckanext.hcmedu.search.places import Place, Places
from ckanext.hcmedu.security import is_for_readers
from ckanext.hcmedu.validators import LANGUAGES, fluent_output
from ckanext.hcmedu.wording import (
    code_label,
    codelist,
    column_type,
    day,
    duration,
    file_size,
    flag,
    language,
    moment,
    number,
    percent,
    period_name,
    period_span,
    status,
    text,
    today,
)
from harvesters import certificates, periods
from harvesters.certificates import Protection
from harvesters.releases import Release, UnknownRelease
from harvesters.writers import SIMULATED
from schemas import Table

_NAMES = {
    "vi": {"vi": "Tiếng Việt", "en": "Vietnamese"},
    "en": {"vi": "Tiếng Anh", "en": "English"},
}
_OWN_NAMES = {"vi": "Tiếng Việt", "en": "English"}


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
    """The page of an area or a school (`kind`); None of anything else."""
    if kind not in ("area", "school"):
        return None
    return tk.h.url_for(f"hcmedu_places.{kind}", code=code)


def map_tiles() -> dict[str, str] | None:
    """Where the background of maps comes from; None where there is none."""
    return settings.map_tiles()


def has_boundaries() -> bool:
    """Whether the operator supplies the boundaries of areas."""
    return bool(tk.config.get("hcmedu.area_boundaries_path"))


@dataclass(frozen=True)
class TopicFigure:
    """The figure that stands for a topic, and the table that it is of."""

    table: str
    figure: KeyFigure


def topic_figure(name: str) -> TopicFigure | None:
    """The newest figure of a topic; None where none is declared, or its table is not published."""
    path = tk.config.get("hcmedu.topics_path")
    declared = topic_figures(path).get(name) if path else None
    shown = published().get(declared.table) if declared else None
    if declared is None or shown is None:
        return None
    found = newest_figure(declared.table, shown.release, shown.digest, declared.measure, language())
    return TopicFigure(declared.table, found) if found else None


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


def by_title(things: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Things with a `title` (or `display_name`), in the order of the Vietnamese alphabet."""
    return sorted(
        things, key=lambda thing: collation.key(thing.get("display_name") or thing["title"])
    )


@dataclass(frozen=True)
class Topic:
    """A topic in the reader's language, and how many datasets it has."""

    name: str
    title: str
    description: str
    count: int


@dataclass(frozen=True)
class Catalogue:
    """What the front page tells of the catalogue: how many datasets the public can see, those whose
    current release is the newest, and the topics in the order of their titles."""

    count: int
    newest: list[dict[str, Any]]
    topics: list[Topic]


def catalogue() -> Catalogue:
    """The catalogue in short; the search index is asked once for all of it."""
    asked = {
        "sort": "metadata_modified desc",
        "rows": _NEWEST,
        "facet.field": ["groups"],
        "facet.limit": -1,
    }
    found = tk.get_action("package_search")({"for_view": True}, asked)
    return Catalogue(found["count"], found["results"], _topics(found["facets"].get("groups", {})))


_NEWEST = 6
"""Datasets that the front page names."""


def _topics(counts: Mapping[str, int]) -> list[Topic]:
    group = model.Group
    rows = model.Session.query(group.name, group.description, group.extras).filter_by(
        type="group", is_organization=False, state=model.State.ACTIVE
    )
    topics = [
        Topic(
            name,
            group_title(name) or name,
            text(translations(extras or {}, "description")) or description or "",
            counts.get(name, 0),
        )
        for name, description, extras in rows
    ]
    return sorted(topics, key=lambda topic: collation.key(topic.title))


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


def headline(release: Release | None) -> Figures | None:
    """The figures that a dataset's page shows first; None where it has none."""
    if release is None or release.state != "published":
        return None
    return headline_of(release, list(request.args.items()) if has_request_context() else ())


def next_period(table: Table, release: Release) -> str | None:
    """The period that the next release is to bring; None where none is to be expected."""
    newest = max(release.manifest["periods"], default=None)
    if newest is None or table.frequency not in ("annual", "monthly"):
        return None
    return period_name(periods.following(table.period, newest))


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


@dataclass(frozen=True)
class Quality:
    """How good a dataset is: the share of its figures that are shown, from 0 to 1 (None of a list),
    and what the last check found of its description, when, and whether it has changed since."""

    shown: float | None
    score: Score | None
    checked: datetime | None
    has_changed: bool

    @property
    def most(self) -> int:
        """The points that there are."""
        return quality.MOST


def quality_of(dataset: Mapping[str, Any], manifest: Mapping[str, Any] | None) -> Quality:
    """How good a dataset is, whose release has that manifest if it has one."""
    measured = measurements.measure(manifest) if manifest else ()
    shown = next((float(value) for one, value in measured if one.name == "shown"), None)
    found = outcome.last_of(dataset_iri(dataset))
    if found is None:
        return Quality(shown, None, None, False)
    score, checked = found
    # Checks are known by the second in which they began.
    changed = datetime.fromisoformat(dataset["metadata_modified"]).replace(
        microsecond=0, tzinfo=UTC
    )
    return Quality(shown, score, checked, changed > checked)


def quality_item(name: str) -> str:
    """What an item of the quality score is called."""
    return text(quality.label(name))


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


def notes(manifest: Mapping[str, Any]) -> list[Mapping[str, str]]:
    """What a reader should know of a release, but that it is simulated: pages say so themselves."""
    return [note for note in manifest["notes"] if note != SIMULATED]


@lru_cache(maxsize=2048)
def extract(markdown: str | None) -> str:
    """The beginning of a text in Markdown, without its marks; the same texts are asked for again
    and again, by lists of datasets for one."""
    return str(tk.h.markdown_extract(markdown or "", extract_length=_EXTRACT))


_EXTRACT = 220
"""Characters of a text that stand for it."""


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


def schools(question: str) -> list[School]:
    """The schools whose name a reader asks for: two words of it or more; at most a few namesakes,
    since a name that thirty schools have tells too little."""
    asked = queries.words(question)
    hits = register().find(question) if len(asked) > 1 else []
    return hits if len(hits) <= _MOST_NAMESAKES else []


_MOST_NAMESAKES = 30


def meant(question: str, count: int) -> str | None:
    """What a reader may have meant by a question with a word that nothing has. The words are
    Vietnamese for the most part, so that in English it is said only where nothing was found."""
    if not question or (count and language() != "vi"):
        return None
    return suggestions.meant(question)


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
def get_facet_items_dict(
    next_helper: Callable[..., list[dict[str, Any]]],
    facet: str,
    search_facets: dict[str, Any],
    limit: int | None = None,
    exclude_active: bool = False,
) -> list[dict[str, Any]]:
    """What one can filter by; years from the newest on and levels of education from the lowest up,
    where CKAN has first what most datasets have."""
    in_order = _ORDERS.get(facet)
    if in_order is None:
        return next_helper(facet, search_facets, limit, exclude_active)
    if limit is None:
        limit = tk.h.get_param_int(f"_{facet}_limit", tk.config["search.facets.default"])
    # None are left out before they are in their order.
    items = in_order(next_helper(facet, search_facets, 0, exclude_active))
    return items[: limit if limit > 0 else None]


def _newest_first(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(items, key=lambda item: item["name"], reverse=True)


def _as_levels_are_listed(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    by_level = {item["name"]: item for item in items}
    levels = settings.declarations().codelists["level"].codes
    return [by_level[level] for level in levels if level in by_level]


_ORDERS = {
    "school_year": _newest_first,
    "year_of_release": _newest_first,
    "education_level": _as_levels_are_listed,
}
"""Filters whose values have an order of their own."""


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
        link,
        map_tiles,
        has_boundaries,
        file_size,
        period_span,
        period_name,
        status,
        flag,
        headline,
        key_figures,
        filters,
        next_period,
        site_title,
        site_description,
        is_simulated,
        is_for_readers,
        group_title,
        topic_figure,
        by_title,
        catalogue,
        table,
        release,
        protection,
        audited,
        audit_alarm,
        city_copy,
        quality_of,
        quality_item,
        sees_city_catalogue,
        is_staff,
        percent,
        notes,
        extract,
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
        schools,
        meant,
    )
    named = {f"hcmedu_{function.__name__}": function for function in functions}
    chained = (datastore_dictionary, get_facet_items_dict)
    return {**named, **{each.__name__: each for each in chained}}
