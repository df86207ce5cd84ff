"""Boundaries that an operator supplies: what is wrong with them is said, with the remedy."""

import json
from pathlib import Path
from typing import Any

import ckan.plugins.toolkit as tk
import pytest
from ckan.exceptions import CkanConfigurationException

from ckanext.hcmedu import settings
from ckanext.hcmedu.figures import maps
from ckanext.hcmedu.figures.maps import BadBoundaries, read_boundaries

pytestmark = pytest.mark.unit

RING = [[106.0, 10.0], [107.0, 10.0], [107.0, 11.0], [106.0, 10.0]]


def feature(code: Any = "1", kind: str = "Polygon", coordinates: Any = None) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": coordinates or [RING]}
    return {"type": "Feature", "properties": {"code": code}, "geometry": geometry}


def write(path: Path, *features: Any) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)}))
    return path


def test_shapes_are_found_by_code(tmp_path: Path) -> None:
    parts = feature("2", "MultiPolygon", [[RING], [RING]])
    found = read_boundaries(write(tmp_path / "a", feature(), parts), ["1", "2", "3"])
    assert {code: shape["type"] for code, shape in found.items()} == {
        "1": "Polygon", "2": "MultiPolygon",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (feature("9"), "feature 1: `9` is not in the list `area`"),
        (feature(kind="Point", coordinates=[1, 2]), "must be a Polygon"),
        # Metres of a national grid instead of degrees.
        (feature(coordinates=[[[600000, 1190000]] * 4]), "longitudes and latitudes"),
        (feature(coordinates=[RING[:2]]), "must be a Polygon"),
        ({"type": "Feature", "properties": {}, "geometry": None}, "lacks `properties.code`"),
        ("x", "lacks `properties.code`"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, wrong: Any, said: str) -> None:
    with pytest.raises(BadBoundaries, match=said):
        read_boundaries(write(tmp_path / "a", wrong), ["1"])


@pytest.mark.parametrize("content", ["", "[]", "{}", "nothing", "[" * 100_000])
def test_what_is_no_geojson_is_said(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a"
    path.write_text(content)
    with pytest.raises(BadBoundaries, match="no GeoJSON"):
        read_boundaries(path, ["1"])


def test_a_file_that_is_not_there_or_too_large_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadBoundaries, match="cannot be read"):
        read_boundaries(tmp_path / "nothing", ["1"])
    monkeypatch.setattr("ckanext.hcmedu.figures.maps._MOST_BYTES", 10)
    with pytest.raises(BadBoundaries, match="simplify"):
        read_boundaries(write(tmp_path / "a", feature()), ["1"])


def test_the_portal_does_not_start_with_wrong_boundaries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a", feature("no such area"))
    monkeypatch.setitem(tk.config, "hcmedu.area_boundaries_path", str(path))
    with pytest.raises(CkanConfigurationException, match="no such area"):
        maps.check()


@pytest.mark.parametrize(
    "url", ["tiles.example.org/{z}/{x}/{y}", "https://tiles.example.org/", "ftp://x/{z}/{x}/{y}",
            "https://a b/{z}/{x}/{y}", "https://a;script-src *//{z}/{x}/{y}"],
)  # fmt: skip
def test_an_address_of_tiles_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setitem(tk.config, "hcmedu.state_path", str(tmp_path))
    monkeypatch.setitem(tk.config, "hcmedu.map_attribution", "")
    monkeypatch.setitem(tk.config, "hcmedu.map_tiles_url", url)
    with pytest.raises(CkanConfigurationException, match="map_tiles_url"):
        settings.check()
