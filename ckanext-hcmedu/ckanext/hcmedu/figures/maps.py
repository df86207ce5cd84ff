"""Figures of areas, and places of schools, on a map without a background.

An operator may supply the areas' boundaries as GeoJSON (`hcmedu.area_boundaries_path`); without
them an area is drawn where its schools are.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from statistics import fmean
from typing import Any

import ckan.plugins.toolkit as tk
from ckan.exceptions import CkanConfigurationException

from ckanext.hcmedu import settings, wording
from ckanext.hcmedu.figures.charts import COLOURS, WIDE, Size, frame, titled
from ckanext.hcmedu.figures.cube import Cube
from ckanext.hcmedu.figures.grid import Grid
from ckanext.hcmedu.figures.register import School, register

AREA = "area"

_MOST_BYTES = 30_000_000
_SHAPES = ("Polygon", "MultiPolygon")

# The city is so small, and so near to the equator, that degrees serve as they are.
_PLANE: Mapping[str, Any] = {"type": "identity", "reflectY": True}


class BadBoundaries(Exception):
    """The file of boundaries is not what it must be; says what is wrong, where, and the remedy."""


def read_boundaries(path: Path, areas: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The shapes of areas by code.

    :param path: a GeoJSON FeatureCollection (RFC 7946) of polygons, at most 30 MB, each with the
        area's code as `code` among its properties.
    :raises BadBoundaries: it is not.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            most = _MOST_BYTES // 1_000_000
            raise BadBoundaries(f"{path} has more than {most} MB: simplify it.")
        content = json.loads(path.read_text(encoding="utf-8"))
        features = content["features"]
    except (OSError, UnicodeDecodeError) as error:
        raise BadBoundaries(f"{path} cannot be read: {error}.") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadBoundaries(f"{path} is no GeoJSON FeatureCollection.") from error
    known, shapes = set(areas), {}
    for number, feature in enumerate(features, 1):
        try:
            code = str(feature["properties"]["code"])
            geometry = feature["geometry"]
            fits = geometry["type"] in _SHAPES and _is_plane(geometry)
        except (KeyError, TypeError):
            raise BadBoundaries(
                f"{path}: feature {number} lacks `properties.code` or a geometry."
            ) from None
        if code not in known:
            raise BadBoundaries(f"{path}: feature {number}: `{code}` is not in the list `area`.")
        if not fits:
            raise BadBoundaries(
                f"{path}: feature {number} ({code}) must be a Polygon or MultiPolygon of "
                "longitudes and latitudes in degrees."
            )
        shapes[code] = geometry
    return shapes


def _is_plane(geometry: Mapping[str, Any]) -> bool:
    rings = geometry["coordinates"]
    if geometry["type"] == "MultiPolygon":
        rings = [ring for polygon in rings for ring in polygon]
    return bool(rings) and all(
        len(ring) >= 4 and all(-180 <= point[0] <= 180 and -90 <= point[1] <= 90 for point in ring)
        for ring in rings
    )


def boundaries() -> dict[str, dict[str, Any]]:
    """The configured shapes of areas; none where no file is configured."""
    path = tk.config.get("hcmedu.area_boundaries_path")
    return _boundaries(path, tuple(settings.declarations().codelists[AREA].codes)) if path else {}


def check() -> None:
    """Read the configured boundaries, so that a mistake in them is told when the portal starts.

    :raises CkanConfigurationException: they are not what they must be.
    """
    try:
        boundaries()
    except BadBoundaries as wrong:
        raise CkanConfigurationException(f"hcmedu.area_boundaries_path: {wrong}") from wrong


@lru_cache(maxsize=1)
def _boundaries(path: str, areas: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    return read_boundaries(Path(path), areas)


def positions() -> dict[str, tuple[float, float]]:
    """Longitude and latitude of the middle of each area's schools, by the area's code."""
    places: dict[str, list[School]] = defaultdict(list)
    for school in register().schools.values():
        if school.longitude is not None and school.latitude is not None:
            places[school.area].append(school)
    return {
        area: (
            fmean(one.longitude for one in schools if one.longitude is not None),
            fmean(one.latitude for one in schools if one.latitude is not None),
        )
        for area, schools in places.items()
    }


def fits(grid: Grid) -> bool:
    """Whether a table's figures are of areas and nothing else varies."""
    names = [*grid.sides, grid.across]
    single = grid.across == AREA or len(grid.heads) == 1
    others = [name for name in names if name not in (AREA, grid.across)]
    return AREA in names and single and not others and bool(boundaries() or positions())


def describe(cube: Cube, grid: Grid, title: str, size: Size = WIDE) -> dict[str, Any]:
    """A map of areas in Vega-Lite, coloured, or with circles of a size, by their figures."""
    values = {
        keys[AREA].code: float(cell.value) for keys, cell in grid.points() if cell.value is not None
    }
    shapes = boundaries()
    if shapes:
        return {**frame(cube, title, size), **_shapes(shapes, values, grid.unit, size)}
    places = positions()
    data = [
        {"longitude": places[code][0], "latitude": places[code][1], "value": value}
        for code, value in values.items()
        if code in places
    ]
    return {
        **frame(cube, title, size),
        "width": size.map,
        "height": size.map,
        "projection": _PLANE,
        "data": {"values": data},
        "mark": {"type": "circle", "opacity": 0.75, "stroke": "#ffffff", "strokeWidth": 0.5},
        "encoding": {
            "longitude": {"field": "longitude", "type": "quantitative"},
            "latitude": {"field": "latitude", "type": "quantitative"},
            "size": {"field": "value", "type": "quantitative", "title": grid.unit,
                     "scale": {"range": [10, 500]}, "legend": {"orient": "bottom", "tickCount": 3}},
            "color": {"value": COLOURS[0]},
        },
    }  # fmt: skip


def _shapes(
    shapes: Mapping[str, Mapping[str, Any]], values: Mapping[str, float], unit: str, size: Size
) -> dict[str, Any]:
    features = [
        {"type": "Feature", "geometry": shape, "value": values.get(code)}
        for code, shape in shapes.items()
    ]
    return {
        "width": size.map,
        "height": size.map,
        "projection": _PLANE,
        "layer": [
            {
                "data": {"values": features},
                "mark": {"type": "geoshape", "fill": "#e4e9ee", "stroke": "#ffffff"},
            },
            {
                "data": {"values": [one for one in features if one["value"] is not None]},
                "mark": {"type": "geoshape", "stroke": "#ffffff", "strokeWidth": 0.5},
                "encoding": {
                    "color": {"field": "value", "type": "quantitative", "title": unit,
                              "scale": {"scheme": "blues"}}
                },
            },
        ],
    }  # fmt: skip


def describe_schools(schools: Sequence[School], area: str, title: str) -> dict[str, Any]:
    """A map of schools by level, in Vega-Lite, within their area's boundary where it is known."""
    shape = boundaries().get(area)
    known = settings.declarations().codelists["level"].codes
    levels = [code for code in known if any(one.level == code for one in schools)]
    data = [
        {"longitude": one.longitude, "latitude": one.latitude,
         "level": wording.code_label("level", one.level)}
        for one in schools
    ]  # fmt: skip
    names = [wording.code_label("level", code) for code in levels]
    points = {
        "data": {"values": data},
        "mark": {"type": "point", "filled": True, "size": 90, "opacity": 0.9},
        "encoding": {
            "longitude": {"field": "longitude", "type": "quantitative"},
            "latitude": {"field": "latitude", "type": "quantitative"},
            "color": {"field": "level", "type": "nominal", "title": None,
                      "scale": {"domain": names, "range": list(COLOURS)[: len(names)]}},
            "shape": {"field": "level", "type": "nominal", "title": None,
                      "scale": {"domain": names}},
        },
    }  # fmt: skip
    ground = [{"data": {"values": [{"type": "Feature", "geometry": shape}]},
               "mark": {"type": "geoshape", "fill": "#f4f6f8", "stroke": "#7b8894"}}]  # fmt: skip
    return {
        **titled(title),
        "width": 560,
        "height": 380,
        "projection": _PLANE,
        "layer": [*(ground if shape else []), points],
    }


def geojson(schools: Sequence[School]) -> dict[str, Any]:
    """Schools as a GeoJSON FeatureCollection of points (RFC 7946); those without a position are
    left out."""
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [one.longitude, one.latitude]},
                "properties": {"code": one.school, "name": one.school_name, "level": one.level},
            }
            for one in schools
            if one.longitude is not None and one.latitude is not None
        ],
    }
