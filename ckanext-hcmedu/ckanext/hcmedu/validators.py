"""Validators of fields that hold one text in each language of the portal.

ckanext-dcat takes a field as multilingual, when it reads a feed, where the name of one of its
validators starts with ``fluent``; hence the names.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from typing import Any

import ckan.plugins.toolkit as tk
from ckan import model
from ckan.types import Context, FlattenDataDict, FlattenErrorDict, FlattenKey

from ckanext.hcmedu import settings
from ckanext.hcmedu.addresses import SCHEMES, is_linkable, may_name
from ckanext.hcmedu.dcat import entries
from ckanext.hcmedu.dcat.naming import iri

LANGUAGES = ("vi", "en")
"""The portal's languages; the first is the one that a required text must have."""

_ADDRESSES = ("uri", "url", "documentation", "homepage")

_CORE = ("title", "notes", "name", "description")

Validator = Callable[[FlattenKey, FlattenDataDict, FlattenErrorDict, Context], None]


def _clean(text: str) -> str:
    """Unicode NFC, so that a text is found and compared however it was typed."""
    return unicodedata.normalize("NFC", text).strip()


def _as_mapping(value: Any) -> dict[str, Any] | None:
    """`value` as a mapping of languages, or None if it is not one."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return dict(value) if isinstance(value, dict) else None


def _take_form_inputs(key: FlattenKey, data: FlattenDataDict) -> dict[str, str]:
    """The texts of the form's inputs, `<field>-<language>`, which navl keeps among the extras."""
    extras = data.get((*key[:-1], "__extras"), {})
    found = {}
    for language in LANGUAGES:
        name = f"{key[-1]}-{language}"
        if isinstance(extras, dict) and name in extras:
            found[language] = extras.pop(name)
    return found


def _core_key(key: FlattenKey) -> FlattenKey | None:
    """Where the text in the main language goes: `title` for `title_translated`; None for fields
    that CKAN itself does not have."""
    name = key[-1].removesuffix("_translated")
    return (*key[:-1], name) if name in _CORE and name != key[-1] else None


def _read(
    key: FlattenKey, data: FlattenDataDict, errors: FlattenErrorDict, expected: str
) -> dict[str, Any]:
    value = data.get(key, tk.missing)
    if value is tk.missing or value is None or value == "":
        return _take_form_inputs(key, data)
    texts = _as_mapping(value)
    if texts is None:
        errors[key].append(tk._("Expected {expected}").format(expected=expected))
        raise tk.StopOnError
    for language in texts:
        if language not in LANGUAGES:
            message = tk._('The language "{language}" is not one of: {languages}')
            languages = ", ".join(LANGUAGES)
            errors[key].append(message.format(language=language, languages=languages))
            raise tk.StopOnError
    return texts


def _require(
    field: dict[str, Any], key: FlattenKey, errors: FlattenErrorDict, texts: dict[str, Any]
) -> None:
    if field.get("required") and not texts.get(LANGUAGES[0]):
        errors[key].append(tk._("Missing value"))
        raise tk.StopOnError


def fluent_text(field: dict[str, Any], schema: dict[str, Any]) -> Validator:
    """A text in each language: ``{"vi": …, "en": …}``, its JSON, or the form's two inputs.

    It is stored as JSON, without empty texts. The Vietnamese text also becomes the value of the
    core field where there is one (`title` for `title_translated`), so that whatever knows nothing
    of translations shows it; a plain core value without translations is taken as Vietnamese.
    """

    def validate(
        key: FlattenKey, data: FlattenDataDict, errors: FlattenErrorDict, context: Context
    ) -> None:
        if errors.get(key):
            return
        found = _read(key, data, errors, '{"vi": "…", "en": "…"}')
        if not all(isinstance(text, str) for text in found.values()):
            errors[key].append(tk._("Expected {expected}").format(expected='{"vi": "…"}'))
            raise tk.StopOnError
        texts = {language: _clean(found[language]) for language in LANGUAGES if found.get(language)}
        texts = {language: text for language, text in texts.items() if text}
        core = _core_key(key)
        plain = data.get(core) if core else None
        if not texts and isinstance(plain, str) and plain.strip():
            texts = {LANGUAGES[0]: _clean(plain)}
        _require(field, key, errors, texts)
        if core and LANGUAGES[0] in texts:
            data[core] = texts[LANGUAGES[0]]
        if texts:
            data[key] = json.dumps(texts, ensure_ascii=False)
        else:
            data.pop(key, None)
            raise tk.StopOnError

    return validate


def _tags(value: Any) -> list[str]:
    items = value.split(",") if isinstance(value, str) else list(value or [])
    cleaned = (_clean(item) for item in items if isinstance(item, str))
    return list(dict.fromkeys(tag for tag in cleaned if tag))


def fluent_tags(field: dict[str, Any], schema: dict[str, Any]) -> Validator:
    """Keywords in each language: ``{"vi": […], "en": […]}``, its JSON, or comma-separated inputs.

    They are stored as JSON; plain tags without translations are taken as Vietnamese.
    """

    def validate(
        key: FlattenKey, data: FlattenDataDict, errors: FlattenErrorDict, context: Context
    ) -> None:
        if errors.get(key):
            return
        found = _read(key, data, errors, '{"vi": ["…"], "en": ["…"]}')
        tags = {language: _tags(found.get(language)) for language in LANGUAGES}
        if not any(tags.values()):
            names = sorted(place for place in data if place[0] == "tags" and place[-1] == "name")
            tags[LANGUAGES[0]] = _tags([data[name] for name in names])
        _require(field, key, errors, tags)
        for tag in tags[LANGUAGES[0]]:
            tk.get_validator("tag_length_validator")(tag, context)
            tk.get_validator("tag_name_validator")(tag, context)
        filled = {language: names for language, names in tags.items() if names}
        if filled:
            data[key] = json.dumps(filled, ensure_ascii=False)
        else:
            data.pop(key, None)
            raise tk.StopOnError

    return validate


def fluent_tags_as_tags(
    key: FlattenKey, data: FlattenDataDict, errors: FlattenErrorDict, context: Context
) -> None:
    """Make the Vietnamese keywords the dataset's tags (to run after all fields).

    It cannot be done in `fluent_tags`: navl has its list of tags to validate before that runs.
    """
    translated = _as_mapping(data.get(("tags_translated",)))
    if not translated:
        return
    for place in [place for place in data if place[0] == "tags"]:
        del data[place]
    for index, tag in enumerate(translated.get(LANGUAGES[0], [])):
        data[("tags", index, "name")] = tag


def _texts_at(value: Any) -> list[str]:
    """The texts of a field that holds one, or several as a list or its JSON."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            return [value]
    return [
        each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)
    ]


def addresses(
    key: FlattenKey, data: FlattenDataDict, errors: FlattenErrorDict, context: Context
) -> None:
    """Refuse addresses that no page may link to, and IRIs that are another's (after all fields)."""
    package = context.get("package")
    dataset = package.id if package else data.get(("id",))
    owner = model.Group.get(data.get(("owner_org",)) or None)
    for place, value in data.items():
        field = str(place[-1])
        if field not in _ADDRESSES and not field.endswith("_url"):
            continue
        for text in _texts_at(value):
            if not is_linkable(text):
                errors.setdefault(place, []).append(_not_linkable(text))
            elif field == "uri" and not (
                may_name(text, settings.site_url(), dataset, owner.name if owner else None)
                and _is_free(text, dataset)
            ):
                message = tk._('The IRI "{address}" is that of something else on this portal')
                errors.setdefault(place, []).append(message.format(address=text))


def _is_free(address: str, dataset: str | None) -> bool:
    """Whether the feed calls no other dataset so."""
    named = iri(address, settings.site_url())
    return entries.holder(model.Session.connection(), named, dataset or "") is None


def linkable(value: Any) -> Any:
    """Refuse an address that no page may link to.

    :raises ckan.logic.Invalid: it is one.
    """
    if value and not is_linkable(value):
        raise tk.Invalid(_not_linkable(value))
    return value


def _not_linkable(address: str) -> str:
    message = tk._('"{address}" cannot be linked to. Addresses begin with: {schemes}')
    return message.format(address=address, schemes=", ".join(sorted(SCHEMES)))


def fluent_output(value: Any) -> Any:
    """The stored JSON as a mapping; whatever else stands there is passed on."""
    texts = _as_mapping(value)
    return value if texts is None else texts


# ckanext-scheming hands such a validator the field and the schema, and uses what it returns.
fluent_text.is_a_scheming_validator = True  # type: ignore[attr-defined]
fluent_tags.is_a_scheming_validator = True  # type: ignore[attr-defined]


def get_validators() -> dict[str, Callable[..., Any]]:
    """The validators by the names that schemas use."""
    return {
        "fluent_text": fluent_text,
        "fluent_tags": fluent_tags,
        "fluent_tags_as_tags": fluent_tags_as_tags,
        "fluent_output": fluent_output,
        "hcmedu_addresses": addresses,
        "hcmedu_linkable": linkable,
    }
