"""The metadata quality score (MQA) of data.europa.eu, item by item: 405 points at most.

Source: https://data.europa.eu/mqa/methodology. Items of distributions that the method counts for
the best one are counted so here; whether addresses answer is asked of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rdflib import Graph, Literal, URIRef
from rdflib.namespace import DCAT, DCTERMS
from rdflib.term import Node

from ckanext.hcmedu.dcat import vocabulary

MOST = 405

CONFORMANT = "DCAT-AP conformant"
"""The item that says whether the feed conforms, by its shapes."""


_VIETNAMESE = {
    "keyword": "Từ khóa",
    "theme": "Chủ đề",
    "spatial": "Phạm vi địa lý",
    "temporal": "Khoảng thời gian",
    "access URL answers": "Địa chỉ truy cập có trả lời",
    "download URL": "Địa chỉ tải về",
    "download URL answers": "Địa chỉ tải về có trả lời",
    "format": "Định dạng tệp",
    "media type": "Kiểu nội dung",
    "both from vocabularies": "Định dạng và kiểu nội dung theo danh mục chuẩn",
    "non-proprietary": "Định dạng không độc quyền",
    "machine-readable": "Định dạng máy đọc được",
    CONFORMANT: "Đúng quy tắc của DCAT-AP",
    "licence": "Giấy phép",
    "licence from vocabulary": "Giấy phép theo danh mục chuẩn",
    "access rights": "Quyền truy cập",
    "access rights from vocabulary": "Quyền truy cập theo danh mục chuẩn",
    "contact point": "Đầu mối liên hệ",
    "publisher": "Đơn vị công bố",
    "rights": "Quyền sử dụng",
    "byte size": "Kích thước tệp",
    "issued": "Ngày công bố",
    "modified": "Ngày cập nhật",
}


def label(item: str) -> dict[str, str]:
    """What an item is called, in both languages; that of an older check may be unknown by now."""
    return {"vi": _VIETNAMESE.get(item, item), "en": item}


@dataclass(frozen=True)
class Item:
    """One item of the score: what it asks, the points it gives and those that it got."""

    dimension: str
    name: str
    most: int
    points: int


def assess(
    graph: Graph, dataset: URIRef, conforms: bool, answers: Callable[[str], bool]
) -> list[Item]:
    """The items of one dataset's score.

    :param graph: what the feed says of the dataset.
    :param conforms: whether the feed conforms to DCAT-AP, by its shapes.
    :param answers: whether something answers at an address.
    """
    return [
        Item(dimension, name, most, most if reached else 0)
        for dimension, name, most, reached in _items(graph, dataset, conforms, answers)
    ]


def score(items: list[Item]) -> int:
    """The sum of the points, of `MOST`."""
    return sum(item.points for item in items)


def _items(
    graph: Graph, dataset: URIRef, conforms: bool, answers: Callable[[str], bool]
) -> Iterator[tuple[str, str, int, bool]]:
    files = list(graph.objects(dataset, DCAT.distribution))

    def has(*properties: URIRef) -> Iterator[bool]:
        for one in properties:
            yield (dataset, one, None) in graph

    names = ("keyword", 30), ("theme", 30), ("spatial", 20), ("temporal", 20)
    said = has(DCAT.keyword, DCAT.theme, DCTERMS.spatial, DCTERMS.temporal)
    for (name, most), reached in zip(names, said, strict=True):
        yield "findability", name, most, reached

    access = _values(graph, files, DCAT.accessURL)
    download = _values(graph, files, DCAT.downloadURL)
    yield "accessibility", "access URL answers", 50, _all_answer(access, answers)
    yield "accessibility", "download URL", 20, bool(download)
    yield "accessibility", "download URL answers", 30, _all_answer(download, answers)

    yield from _interoperability(graph, files)
    yield "interoperability", CONFORMANT, 30, conforms

    licences = _values(graph, files, DCTERMS.license) or _values(graph, [dataset], DCTERMS.license)
    rights = _values(graph, [dataset], DCTERMS.accessRights)
    yield "reusability", "licence", 20, bool(licences)
    known = any(vocabulary.is_licence(one) for one in licences)
    yield "reusability", "licence from vocabulary", 10, known
    yield "reusability", "access rights", 10, bool(rights)
    known = any(vocabulary.is_access_right(one) for one in rights)
    yield "reusability", "access rights from vocabulary", 5, known
    contact, publisher = has(DCAT.contactPoint, DCTERMS.publisher)
    yield "reusability", "contact point", 20, contact
    yield "reusability", "publisher", 10, publisher

    yield "contextuality", "rights", 5, bool(_values(graph, files, DCTERMS.rights))
    yield "contextuality", "byte size", 5, bool(_values(graph, files, DCAT.byteSize))
    issued, modified = has(DCTERMS.issued, DCTERMS.modified)
    yield "contextuality", "issued", 5, issued
    yield "contextuality", "modified", 5, modified


def _interoperability(graph: Graph, files: list[Node]) -> Iterator[tuple[str, str, int, bool]]:
    """The items of the distribution that has most of them."""
    names = ("format", 20), ("media type", 10), ("both from vocabularies", 10)
    names += ("non-proprietary", 20), ("machine-readable", 20)
    best = max(
        (_of_file(graph, file) for file in files),
        key=lambda reached: sum(
            most for (_, most), is_so in zip(names, reached, strict=True) if is_so
        ),
        default=(False,) * len(names),
    )
    for (name, most), reached in zip(names, best, strict=True):
        yield "interoperability", name, most, reached


def _of_file(graph: Graph, file: Node) -> tuple[bool, ...]:
    file_types = _values(graph, [file], DCTERMS["format"])
    media_types = _values(graph, [file], DCAT.mediaType)
    return (
        bool(file_types),
        bool(media_types),
        any(vocabulary.is_file_type(one) for one in file_types)
        and any(vocabulary.is_media_type(one) for one in media_types),
        any(not vocabulary.is_proprietary(one) for one in file_types),
        any(vocabulary.is_machine_readable(one) for one in file_types),
    )


def _values(graph: Graph, subjects: list[Node], predicate: URIRef) -> list[str]:
    return [
        str(value)
        for subject in subjects
        for value in graph.objects(subject, predicate)
        if isinstance(value, URIRef | Literal)
    ]


def _all_answer(addresses: list[str], answers: Callable[[str], bool]) -> bool:
    return bool(addresses) and all(answers(address) for address in addresses)
