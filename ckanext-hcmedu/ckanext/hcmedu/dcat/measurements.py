"""How good a release's figures are, in the vocabulary of DQV.

Source: Data Quality Vocabulary, https://www.w3.org/TR/vocab-dqv/; its dimensions are those of
https://www.w3.org/2016/05/ldqd, after ISO/IEC 25012.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rdflib import Graph, Literal, Namespace, URIRef
from rdflib.namespace import RDF, SKOS, XSD

DQV = Namespace("http://www.w3.org/ns/dqv#")
_DIMENSIONS = Namespace("https://www.w3.org/2016/05/ldqd#")


@dataclass(frozen=True)
class Metric:
    """Something that is measured of every release."""

    name: str
    dimension: URIRef
    datatype: URIRef
    label: Mapping[str, str]


METRICS = (
    Metric("rows", _DIMENSIONS.completeness, XSD.integer, {"vi": "Số dòng", "en": "Rows"}),
    Metric(
        "periods", _DIMENSIONS.completeness, XSD.integer,
        {"vi": "Số kỳ số liệu", "en": "Periods"},
    ),
    Metric(
        "suppressed", _DIMENSIONS.completeness, XSD.integer,
        {
            "vi": "Số ô được ẩn để bảo vệ dữ liệu cá nhân",
            "en": "Figures suppressed to protect personal information",
        },
    ),
    Metric(
        "shown", _DIMENSIONS.completeness, XSD.decimal,
        {
            "vi": "Tỷ lệ ô số liệu không bị ẩn (từ 0 đến 1)",
            "en": "Share of figures that are not suppressed (0 to 1)",
        },
    ),
)  # fmt: skip


def measure(manifest: Mapping[str, Any]) -> Iterator[tuple[Metric, int | Decimal]]:
    """What is measured of the release of `manifest`: counts, and a share between 0 and 1."""
    rows = manifest["rows"]
    measures = sum(column["role"] == "measure" for column in manifest["columns"])
    suppressed = sum(sum(part["suppressed"].values()) for part in manifest["parts"])
    values = {"rows": rows, "periods": len(manifest["periods"]), "suppressed": suppressed}
    for metric in METRICS:
        if metric.name in values:
            yield metric, values[metric.name]
        elif rows * measures:
            share = Decimal(1) - Decimal(suppressed) / Decimal(rows * measures)
            # Downwards: nothing may look complete that is not.
            yield metric, share.quantize(Decimal("0.0001"), rounding="ROUND_FLOOR")


def add_measurements(graph: Graph, dataset: URIRef, manifest: Mapping[str, Any], site: str) -> None:
    """Add what is measured of the dataset's release, each metric with what it means.

    :param site: the portal's address, without a slash at its end.
    """
    for metric, value in measure(manifest):
        node = URIRef(f"{dataset}#quality-{metric.name}")
        about = URIRef(f"{site}/catalog#{metric.name}")
        graph.add((dataset, DQV.hasQualityMeasurement, node))
        graph.add((node, RDF.type, DQV.QualityMeasurement))
        graph.add((node, DQV.computedOn, dataset))
        graph.add((node, DQV.isMeasurementOf, about))
        graph.add((node, DQV.value, Literal(value, datatype=metric.datatype)))
        graph.add((about, RDF.type, DQV.Metric))
        graph.add((about, DQV.inDimension, metric.dimension))
        graph.add((about, DQV.expectedDataType, metric.datatype))
        for language, text in metric.label.items():
            graph.add((about, SKOS.definition, Literal(text, lang=language)))
