"""Charts drawn, without a browser: SVG with the texts as texts, and PNG.

Descriptions hold nothing that is fetched: no address of data, pictures or fonts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import vl_convert

_VERSION = "v5.21"
_SIZE = re.compile(rb'<svg([^>]*?) width="([0-9.]+)" height="([0-9.]+)"')


def svg(description: Mapping[str, Any], title: str, told: str) -> bytes:
    """A chart as an SVG document with a title and a description for who cannot see it."""
    return _svg(json.dumps(description, ensure_ascii=False, sort_keys=True), title, told)


def png(description: Mapping[str, Any]) -> bytes:
    """A chart as a PNG picture, twice the size of its SVG."""
    return _png(json.dumps(description, ensure_ascii=False, sort_keys=True))


@lru_cache(maxsize=64)
def _svg(description: str, title: str, told: str) -> bytes:
    drawn = vl_convert.vegalite_to_svg(
        description, vl_version=_VERSION, allowed_base_urls=[], **_locale(description)
    )
    named = f"<title>{_escaped(title)}</title><desc>{_escaped(told)}</desc>"
    start = drawn.index(">", drawn.index("<svg")) + 1
    return (drawn[:start] + named + drawn[start:]).encode()


@lru_cache(maxsize=32)
def _png(description: str) -> bytes:
    return vl_convert.vegalite_to_png(
        description, vl_version=_VERSION, scale=2, allowed_base_urls=[], **_locale(description)
    )


def _locale(description: str) -> dict[str, Any]:
    found = json.loads(description)["config"].get("locale")
    return {"format_locale": found["number"]} if found else {}


def size(drawn: bytes) -> tuple[int, int]:
    """Width and height of an SVG document, in pixels."""
    found = _SIZE.search(drawn)
    return (round(float(found[2])), round(float(found[3]))) if found else (640, 400)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
