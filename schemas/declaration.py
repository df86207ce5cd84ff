"""Reading declarations: YAML with line numbers, checked against a meta-schema.

Everything the portal knows about a dataset stands in YAML files that people write by hand, so
whatever is wrong in one is reported with its file and line, what was expected there and how to
mend it; and all of it at once, not one mistake a run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import yaml

Text = Mapping[str, str]
"""A text in both languages of the portal: ``{"vi": …, "en": …}``."""

_Position = tuple[str | int, ...]


@dataclass(frozen=True)
class DeclarationError:
    """One mistake in a declaration: where it is, what is wrong and how to mend it."""

    file: Path
    line: int
    path: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}"
        what = f"{self.path}: {self.message}" if self.path else self.message
        return f"{where}: {what}" + (f" {self.remedy}" if self.remedy else "")


class DeclarationErrors(Exception):
    """All the mistakes found in a set of declarations; nothing of the set is used."""

    def __init__(self, errors: Sequence[DeclarationError]):
        self.errors = list(errors)
        super().__init__("\n".join(str(error) for error in self.errors))


@dataclass(frozen=True)
class Document:
    """A YAML file as read: its data, and the line on which each part of it starts."""

    path: Path
    data: Any
    lines: Mapping[_Position, int]
    digest: str

    def line(self, position: Iterable[str | int]) -> int:
        """The line (from 1) of the part at `position`, or of the nearest part around it."""
        place = tuple(position)
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def error(
        self, position: Iterable[str | int], message: str, remedy: str = ""
    ) -> DeclarationError:
        """A `DeclarationError` that points at `position` in this file."""
        place = tuple(position)
        dotted = ".".join(str(step) for step in place)
        return DeclarationError(self.path, self.line(place), dotted, message, remedy)


class _Loader(yaml.SafeLoader):
    """Plain YAML 1.2 scalars: `yes` and `no` are codes, `2025-09-05` is a text."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|false)$", "tf"),
    ("null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("int", r"^-?(?:0|[1-9][0-9]*)$", "-0123456789"),
    ("float", r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)(?:[eE][-+]?[0-9]+)?$", "-0123456789"),
    ("float", r"^-?(?:0|[1-9][0-9]*)[eE][-+]?[0-9]+$", "-0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def _positions(node: yaml.Node, place: _Position = ()) -> Iterator[tuple[_Position, int]]:
    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, str(key.value))
            yield from _positions(value, inner)
            # A block value starts on the line after its key; a reader looks for the key.
            yield inner, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _positions(value, (*place, index))


def _duplicate_keys(node: yaml.Node, place: _Position = ()) -> Iterator[_Position]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                yield (*place, name)
            seen.add(name)
            yield from _duplicate_keys(value, (*place, name))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _duplicate_keys(value, (*place, index))


def read_document(path: Path, max_bytes: int = 1_000_000) -> Document:
    """Read one YAML file of at most `max_bytes` bytes.

    :raises DeclarationErrors: the file is too large, no UTF-8, no YAML, or repeats a key.
    """
    raw = path.read_bytes()
    if len(raw) > max_bytes:
        raise DeclarationErrors(
            [DeclarationError(path, 1, "", f"The file is larger than {max_bytes:,} bytes.")]
        )
    try:
        text = raw.decode("utf-8")
        loader = _Loader(text)
        node = loader.get_single_node()
        data = None if node is None else loader.construct_document(node)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        message = "The file is not UTF-8."
        raise DeclarationErrors(
            [DeclarationError(path, line, "", message, "Save it as UTF-8.")]
        ) from None
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark.line if error.problem_mark else 0) + 1
        message = f"This is not YAML: {error.problem}."
        raise DeclarationErrors([DeclarationError(path, line, "", message)]) from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        message = "There is a character that no text has."
        raise DeclarationErrors([DeclarationError(path, line, "", message, "Delete it.")]) from None
    if node is None:
        raise DeclarationErrors([DeclarationError(path, 1, "", "The file is empty.")])
    try:
        positions, repeated = dict(_positions(node)), list(_duplicate_keys(node))
    except RecursionError:
        message = "The file refers to itself, or is nested too deeply."
        raise DeclarationErrors([DeclarationError(path, 1, "", message)]) from None
    document = Document(path, data, positions, hashlib.sha256(raw).hexdigest())
    if repeated:
        raise DeclarationErrors(
            [document.error(place, "The key stands twice.", "Keep one.") for place in repeated]
        )
    return document


@cache
def _meta_schema(kind: str) -> jsonschema.Draft202012Validator:
    source = resources.files("schemas") / "meta" / f"{kind}.yaml"
    schema = yaml.load(source.read_text("utf-8"), Loader=_Loader)  # noqa: S506
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


_TYPES: Mapping[str, str] = {
    "string": "Put it in quotes.",
    "boolean": "Write true or false, without quotes.",
    "integer": "Write a whole number, without quotes.",
    "number": "Write a number, without quotes.",
    "array": "Write a list: [one, two].",
    "object": "Write keys and values: {key: value}.",
}


def _explain(error: jsonschema.ValidationError) -> tuple[str, str]:
    """What is wrong and how to mend it, in words, for the meta-schema's own keywords."""
    value, expected = error.instance, error.validator_value
    if error.validator == "required":
        missing = ", ".join(f"`{name}`" for name in expected if name not in value)
        return f"Missing here: {missing}.", "Add what is missing."
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = ", ".join(f"`{name}`" for name in value if name not in known)
        return f"Not known here: {unknown}.", f"Known are: {', '.join(known)}."
    if error.validator == "enum":
        return (
            f"`{value}` is not one of the values.",
            f"Use one of: {', '.join(map(str, expected))}.",
        )
    if error.validator == "type":
        remedy = _TYPES.get(expected, "") if value is not None else "Fill it in."
        found = "nothing" if value is None else f"{type(value).__name__} `{value}`"
        return f"Expected {expected}, found {found}.", remedy
    if error.validator == "pattern":
        return f"`{value}` does not have the form {expected}.", str(error.schema.get("title", ""))
    if error.validator in ("minLength", "minItems", "minProperties"):
        return "This is empty.", "Fill it in or leave the key out."
    if error.validator in ("minimum", "maximum"):
        return f"`{value}` is out of range.", f"The {error.validator} is {expected}."
    if error.validator == "anyOf":
        return f"`{value}` does not have the right form.", str(error.schema.get("title", ""))
    return f"{error.message}.", str(error.schema.get("title", ""))


def check_form(document: Document, kind: str) -> list[DeclarationError]:
    """Hold `document` against the meta-schema ``schemas/meta/<kind>.yaml``; every mistake."""
    errors = []
    for error in _meta_schema(kind).iter_errors(document.data):
        message, remedy = _explain(error)
        errors.append(document.error(error.absolute_path, message, remedy))
    # Of several missing keys the validator reports each; here they are told in one.
    return sorted(dict.fromkeys(errors), key=lambda error: error.line)
