"""From a release and the declaration of its table to the dataset that CKAN shows.

A plain function of its inputs: no time of day, nothing random, so that a portal rebuilt from its
releases has the same datasets. Controlled values are those that DCAT-AP 3 asks for: the EU's
authority tables for frequency, theme, language, rights and status, SPDX for checksums.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from ckanext.hcmedu.dcat.profile import SIMULATED, agent
from harvesters.periods import bounds
from schemas import Table
from schemas.identity import dataset_id, organization_id, resource_id

EU = "http://publications.europa.eu/resource/authority"
PUBLIC = f"{EU}/access-right/PUBLIC"
SHA256 = "http://spdx.org/rdf/terms#checksumAlgorithm_sha256"
LANGUAGES = [f"{EU}/language/VIE", f"{EU}/language/ENG"]

DATASTORE = "datastore"
"""The key of the resource that stands for the DataStore table."""

_FREQUENCIES = {"annual": "ANNUAL", "monthly": "MONTHLY", "irregular": "IRREG"}
_RESOLUTIONS = {"school_year": "P1Y", "month": "P1M"}
_FURTHER_THEMES = {"finance": "ECON", "digital": "TECH", "services": "GOVE", "places": "REGI"}
"""Themes by topic; all datasets are about education as well."""

_CITY = {"uri": "https://sws.geonames.org/1566083/", "text": "Thành phố Hồ Chí Minh"}

_FOR_PEOPLE = ("csv-excel", "xlsx")
"""Files with headings and labels, where the table's schema has the names of columns."""

_NAMES: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]] = {
    "csv": (
        {"vi": "Tệp CSV", "en": "CSV file"},
        {
            "vi": "Toàn bộ số liệu; mã hóa UTF-8, phân cách bằng dấu phẩy.",
            "en": "All figures; UTF-8, comma separated.",
        },
    ),
    "csv-excel": (
        {"vi": "Tệp CSV mở bằng Excel", "en": "CSV file for Excel"},
        {
            "vi": "Như tệp CSV, thêm dấu BOM và cách ghi giúp Excel hiển thị đúng tiếng Việt và "
            "giữ các số 0 ở đầu mã.",
            "en": "As the CSV file, written so that Excel shows Vietnamese correctly and keeps "
            "leading zeros of codes.",
        },
    ),
    "xlsx": (
        {"vi": "Tệp Excel", "en": "Excel file"},
        {
            "vi": "Bảng tính XLSX; các mã được lưu dạng văn bản.",
            "en": "XLSX workbook; codes are stored as text.",
        },
    ),
    "parquet": (
        {"vi": "Tệp Parquet", "en": "Parquet file"},
        {
            "vi": "Dạng cột có kiểu dữ liệu, dành cho công cụ phân tích.",
            "en": "Typed columns, for analysis tools.",
        },
    ),
    "json": (
        {"vi": "Tệp JSON", "en": "JSON file"},
        {"vi": "Toàn bộ số liệu dạng JSON.", "en": "All figures as JSON."},
    ),
}


@dataclass(frozen=True)
class Setting:
    """What the portal adds to every dataset.

    `site` is its address without a slash at the end, `license_url` the address of the licence
    `license_id`, `organization` the publishing organisation as `organization_show` gives it.
    """

    site: str
    license_id: str
    license_url: str
    organization: Mapping[str, Any]


def datastore_id(table: str, release: int) -> str:
    """The id of the DataStore resource of that release."""
    return resource_id(table, f"{DATASTORE}/{release}")


def make_dataset(
    table: Table, manifest: Mapping[str, Any], first_issued: str, setting: Setting
) -> dict[str, Any]:
    """The dataset as `package_create` takes it.

    :param manifest: of the release to show.
    :param first_issued: when the table's first release was issued, as in its manifest.
    """
    name, site, number = table.name, setting.site, manifest["release"]
    page = f"{site}/dataset/{name}"
    return {
        "id": dataset_id(name),
        "name": name,
        "type": "dataset",
        "state": "active",
        "private": False,
        "title": table.title["vi"],
        "title_translated": dict(table.title),
        "notes": table.description["vi"],
        "notes_translated": dict(table.description),
        "tags": [{"name": word} for word in table.keywords["vi"]],
        "tags_translated": {key: list(words) for key, words in table.keywords.items()},
        "unit_of_observation_translated": dict(table.unit_of_observation),
        "theme": _themes(table.topic),
        "dcat_type": f"{EU}/dataset-type/STATISTICAL",
        "language": LANGUAGES,
        "owner_org": organization_id(manifest["organization"]),
        "groups": [{"name": table.topic}],
        "contact": [_contact(setting)],
        "publisher": [_publisher(setting)],
        "license_id": setting.license_id,
        "access_rights": PUBLIC,
        "issued": first_issued,
        "modified": manifest["issued"],
        "frequency": f"{EU}/frequency/{_FREQUENCIES[table.frequency]}",
        "temporal_coverage": list(coverage(table.period, manifest["periods"])),
        **({"temporal_resolution": _RESOLUTIONS[table.period]}
           if table.period in _RESOLUTIONS else {}),
        "spatial_coverage": [_CITY],
        "provenance_translated": _provenance(manifest),
        "methodology_translated": dict(table.methodology),
        "conforms_to": [f"{site}/schema/{name}"],
        "documentation": [f"{page}/releases"],
        "version": str(number),
        "version_notes_translated": _version_notes(manifest),
        "url": page,
        "identifier": dataset_id(name),
        "alternate_identifier": [name],
        "hcmedu_table": name,
        "hcmedu_release": number,
        "record": table.record,
        "simulated": manifest["simulated"],
        "resources": list(_resources(table, manifest, first_issued, setting)),
    }  # fmt: skip


def coverage(kind: str, periods: Iterable[str]) -> Iterator[dict[str, str]]:
    """The spans that `periods` of `kind` cover, as ISO dates; adjoining periods make one span."""
    first: date | None = None
    last: date | None = None
    for start, end in sorted(bounds(kind, period) for period in periods):
        if first is None or last is None:
            first = start
        elif start > last + timedelta(days=1):
            yield {"start": first.isoformat(), "end": last.isoformat()}
            first = start
        last = end
    if first is not None and last is not None:
        yield {"start": first.isoformat(), "end": last.isoformat()}


def _themes(topic: str) -> list[str]:
    codes = ["EDUC"] + ([_FURTHER_THEMES[topic]] if topic in _FURTHER_THEMES else [])
    return [f"{EU}/data-theme/{code}" for code in codes]


def _publisher(setting: Setting) -> dict[str, Any]:
    return {key: value for key, value in agent(setting.organization).items() if value}


def _contact(setting: Setting) -> dict[str, Any]:
    publisher = _publisher(setting)
    page = publisher["uri"]
    contact = {"uri": f"{page}#contact", "url": publisher.get("url", page)}
    for key in ("name", "name_translated", "email"):
        if key in publisher:
            contact[key] = publisher[key]
    return contact


def _provenance(manifest: Mapping[str, Any]) -> dict[str, str]:
    sources = manifest["sources"]
    texts = {
        "vi": f"Tổng hợp từ: {'; '.join(source['title']['vi'] for source in sources)}.",
        "en": f"Compiled from: {'; '.join(source['title']['en'] for source in sources)}.",
    }
    if manifest["simulated"]:
        texts = {language: f"{SIMULATED[language]} {text}" for language, text in texts.items()}
    return texts


def _number(value: int, language: str) -> str:
    written = f"{value:,}"
    return written.replace(",", ".") if language == "vi" else written


def _version_notes(manifest: Mapping[str, Any]) -> dict[str, str]:
    return {language: _version_note(manifest, language) for language in ("vi", "en")}


def _version_note(manifest: Mapping[str, Any], language: str) -> str:
    changes, number = manifest.get("changes") or {}, manifest["release"]
    vietnamese = language == "vi"
    if not changes.get("previous"):
        words = ["Bản công bố đầu tiên." if vietnamese else "First release."]
    else:
        previous = changes["previous"]
        added, changed, removed = (
            _number(changes[f"rows_{what}"], language) for what in ("added", "changed", "removed")
        )
        words = [
            f"Bản {number} so với bản {previous}: thêm {added} dòng, sửa {changed} dòng, "
            f"bỏ {removed} dòng."
            if vietnamese
            else f"Release {number} against release {previous}: {added} rows added, "
            f"{changed} changed, {removed} removed."
        ]
        for key, vi, en in (
            ("periods_added", "Kỳ số liệu mới", "New periods"),
            ("periods_removed", "Kỳ số liệu không còn", "Periods no longer there"),
        ):
            if changes.get(key):
                words.append(f"{vi if vietnamese else en}: {', '.join(changes[key])}.")
    return " ".join([*words, *(note[language] for note in manifest.get("notes", []))])


def _resources(
    table: Table, manifest: Mapping[str, Any], first_issued: str, setting: Setting
) -> Iterator[dict[str, Any]]:
    common = {
        "license": setting.license_url,
        "rights": PUBLIC,
        "issued": first_issued,
        "modified": manifest["issued"],
        "status": f"{EU}/distribution-status/COMPLETED",
        "availability": f"{EU}/planned-availability/STABLE",
        "language": LANGUAGES,
    }
    columns = {"conforms_to": [f"{setting.site}/schema/{table.name}"]}
    yield {**_datastore_resource(table, manifest["release"], setting), **common, **columns}
    page = f"{setting.site}/dataset/{table.name}"
    files: Sequence[Mapping[str, Any]] = manifest["files"]
    for file in files:
        plain = {"vi": file["format"], "en": file["format"]}
        names, texts = _NAMES.get(file["key"], (plain, plain))
        url = f"{page}/release/{manifest['release']}/{file['name']}"
        yield {
            "id": resource_id(table.name, file["key"]),
            "name": names["vi"],
            "name_translated": dict(names),
            "description": texts["vi"],
            "description_translated": dict(texts),
            "url": url,
            "download_url": url,
            "format": file["format"],
            "mimetype": file["media_type"],
            "size": file["bytes"],
            "hash": file["sha256"],
            "hash_algorithm": SHA256,
            **common,
            **({} if file["key"] in _FOR_PEOPLE else columns),
        }


def _datastore_resource(table: Table, release: int, setting: Setting) -> dict[str, Any]:
    site, name = setting.site, table.name
    titles = {key: f"API: {text}" for key, text in table.title.items()}
    uses = {
        "vi": f"API DataStore của CKAN; `resource_id={name}` luôn là bản mới nhất.",
        "en": f"CKAN's DataStore API; `resource_id={name}` is always the current release.",
    }
    service = {
        "uri": f"{site}/api/3/action/datastore_search#{name}",
        "title": titles["vi"],
        "title_translated": titles,
        "description": uses["vi"],
        "description_translated": uses,
        "endpoint_url": [f"{site}/api/3/action/datastore_search?resource_id={name}"],
        "endpoint_description": "https://docs.ckan.org/en/2.12/maintaining/datastore.html",
        "serves_dataset": [f"{site}/dataset/{dataset_id(name)}"],
        "access_rights": PUBLIC,
        "license": setting.license_url,
    }
    names = {"vi": "Bảng số liệu và API", "en": "Table and API"}
    texts = {
        "vi": f"Xem, lọc số liệu ngay trên trang hoặc qua API với tên cố định `{name}`.",
        "en": f"Look up and filter the figures here, or by the API under the fixed name `{name}`.",
    }
    return {
        "id": datastore_id(name, release),
        "name": names["vi"],
        "name_translated": names,
        "description": texts["vi"],
        "description_translated": texts,
        "url": f"{site}/datastore/dump/{name}",
        "format": "CSV",
        "mimetype": "text/csv",
        "datastore_active": True,
        "access_services": [service],
    }
