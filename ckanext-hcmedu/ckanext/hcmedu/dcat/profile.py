"""Our DCAT-AP 3 profile: what ckanext-dcat's lacks or leaves without an identity.

What a dataset does not say itself and is the same for all of the portal's (area, theme, who may
read it) is said for it; what its table and release know (columns, quality) is added.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import ckan.plugins.toolkit as tk
import sqlalchemy as sa
from ckan import model
from ckanext.dcat.profiles import EuropeanDCATAP3Profile
from ckanext.dcat.profiles.base import (
    ADMS,
    DCAT,
    DCT,
    FOAF,
    GSP,
    RDF,
    RDFS,
    SKOS,
    XSD,
    CleanedURIRef,
)
from rdflib import Literal, URIRef
from rdflib.term import Node

from ckanext.hcmedu import settings
from ckanext.hcmedu.dcat import measurements, moments, structure, vocabulary
from ckanext.hcmedu.dcat.naming import name_blank_nodes
from ckanext.hcmedu.validators import fluent_output
from harvesters.releases import UnknownRelease

SIMULATED = {
    "vi": "Dữ liệu mô phỏng, không phải số liệu thật.",
    "en": "Simulated data, not real figures.",
}
"""The provenance of simulated data of which nothing else is said."""

# Fields of ours whose translations ckanext-dcat writes and reads under the plain name.
_TRANSLATED = {"provenance": DCT.provenance, "version_notes": ADMS.versionNotes}

_SERVICE = ("title", "description")

_STAMPS = ("metadata_created", "metadata_modified", "created", "last_modified")
"""Moments that CKAN writes, of a dataset and of its files: in UTC, without saying so."""

_CITY = timezone(timedelta(hours=7))
"""Without the history of Asia/Ho_Chi_Minh: what it was before 1911 no ``xsd:dateTime`` can say."""

_UNKNOWN_LICENCE = URIRef("http://purl.org/adms/licencetype/UnknownIPR")
_INTERFACE = "https://docs.ckan.org/en/2.12/api"


def agent(organization: Mapping[str, Any]) -> dict[str, Any]:
    """An organisation as ckanext-dcat describes the publisher of a dataset.

    `organization` is what `organization_show` returns.
    """
    return {
        "uri": f"{settings.site_url()}/organization/{organization['name']}",
        "name": organization.get("title") or organization["name"],
        "name_translated": organization.get("title_translated") or {},
        "url": organization.get("url"),
        "email": organization.get("email"),
        "type": organization.get("dcat_type"),
        "identifier": organization.get("identifier"),
    }


def provenance(dataset: Mapping[str, Any]) -> Mapping[str, str]:
    """The provenance of a dataset in both languages; simulated data never goes without one."""
    return dataset.get("provenance_translated") or (SIMULATED if dataset.get("simulated") else {})


def _api() -> str:
    return f"{settings.site_url()}/api/3"


def _contact(publisher: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Whom to ask: the organisation itself, never a person."""
    if publisher is None:
        return None
    words = {key: publisher[key] for key in ("name", "name_translated")}
    return {
        **words,
        "email": publisher.get("email") or tk.config["hcmedu.contact_email"],
        "uri": f"{publisher['uri']}#contact",
        "url": publisher.get("url") or publisher["uri"],
    }


def _as_it_is_now(
    said: list[dict[str, Any]] | None, current: dict[str, Any] | None
) -> list[dict[str, Any]] | None:
    """What a dataset says of those behind it, its own organisation as it is described now."""
    if current is None:
        return said
    return [current if one.get("uri") == current["uri"] else one for one in said or [current]]


def _stamped(thing: Mapping[str, Any]) -> dict[str, str]:
    """CKAN's moments of a dataset or resource, with their time zone."""
    return {key: f"{thing[key]}Z" for key in _STAMPS if thing.get(key)}


def _choices(schema: Mapping[str, Any]) -> dict[str, Mapping[str, str]]:
    """What the forms' choices are called in both languages, by their values."""
    fields = [*schema.get("dataset_fields", []), *schema.get("resource_fields", [])]
    fields += [inner for field in fields for inner in field.get("repeating_subfields", [])]
    return {
        choice["value"]: choice["label"]
        for field in fields
        for choice in field.get("choices", [])
        if isinstance(choice.get("label"), dict)
    }


def _moment(value: Any) -> datetime | None:
    """A day and time of ISO 8601, where somebody who names no time zone means the city's; None of
    anything else."""
    if not (isinstance(value, str) and "T" in value):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=_CITY)


class HCMEduProfile(EuropeanDCATAP3Profile):
    """DCAT-AP 3 in Vietnamese and English, every node with an IRI of its own."""

    def parse_dataset(self, dataset_dict: dict[str, Any], dataset_ref: URIRef) -> dict[str, Any]:
        """Fill `dataset_dict` from the graph, translations included."""
        dataset_dict = super().parse_dataset(dataset_dict, dataset_ref)
        for resource in dataset_dict.get("resources", []):
            resource["format"] = vocabulary.format_name(resource.get("format") or "")
            resource["mimetype"] = vocabulary.media_type_name(resource.get("mimetype") or "")
        known = self._multilingual_dataset_fields()
        for name, predicate in _TRANSLATED.items():
            field = f"{name}_translated"
            if field in known:
                texts = self._object_value_multilingual(dataset_ref, predicate)
                dataset_dict[field] = {lang: text for lang, text in texts.items() if text}
                dataset_dict["extras"] = [
                    extra for extra in dataset_dict["extras"] if extra["key"] != name
                ]
        return dataset_dict

    def graph_from_dataset(self, dataset_dict: dict[str, Any], dataset_ref: URIRef) -> None:
        """Add a dataset, as `package_show` returns it, to the graph."""
        licence = vocabulary.licence(dataset_dict)
        publisher = self._organization(dataset_dict.get("owner_org") or "")
        place = vocabulary.unless_said("place")
        dataset = {
            **dataset_dict,
            **_stamped(dataset_dict),
            "url": dataset_dict.get("url")
            or f"{settings.site_url()}/dataset/{dataset_dict['name']}",
            "provenance": provenance(dataset_dict),
            "version_notes": dataset_dict.get("version_notes_translated"),
            "publisher": _as_it_is_now(dataset_dict.get("publisher"), publisher),
            "contact": _as_it_is_now(dataset_dict.get("contact"), _contact(publisher)),
            "theme": dataset_dict.get("theme") or [vocabulary.unless_said("theme")],
            "access_rights": dataset_dict.get("access_rights") or vocabulary.public(),
            "spatial_coverage": [
                # A place that the portal knows has its name from there, in both languages.
                {**each, "text": None} if vocabulary.place(each.get("uri") or "") else each
                for each in dataset_dict.get("spatial_coverage") or [{"uri": place}]
            ],
            "resources": [
                self._distribution(each, dataset_dict, licence)
                for each in dataset_dict.get("resources", [])
            ],
        }
        super().graph_from_dataset(dataset, dataset_ref)
        self.g.remove((None, DCT.type, _UNKNOWN_LICENCE))
        if licence:
            self.g.add((dataset_ref, DCT.license, CleanedURIRef(licence)))
        self._add_table(dataset, dataset_ref)
        for service in list(self.g.objects(dataset_ref, DCAT.distribution / DCAT.accessService)):
            self._complete_service(service, dataset_ref)
        self.g.add((URIRef(_api()), DCAT.servesDataset, dataset_ref))
        self._complete()

    def graph_from_catalog(self, catalog_dict: dict[str, Any] | None, catalog_ref: URIRef) -> None:
        """Add the catalogue itself to the graph."""
        super().graph_from_catalog(catalog_dict, catalog_ref)
        g = self.g
        for predicate, texts in (
            (DCT.title, settings.site_title()),
            (DCT.description, settings.site_description()),
        ):
            g.remove((catalog_ref, predicate, None))
            self._add_texts(catalog_ref, predicate, texts)
        g.remove((catalog_ref, DCT.language, None))
        for language in vocabulary.languages():
            g.add((catalog_ref, DCT.language, URIRef(language)))
            g.add((URIRef(language), RDF.type, DCT.LinguisticSystem))
        taxonomy = URIRef(vocabulary.theme_taxonomy())
        g.add((catalog_ref, DCAT.themeTaxonomy, taxonomy))
        g.add((taxonomy, RDF.type, SKOS.ConceptScheme))
        self._add_texts(taxonomy, DCT.title, vocabulary.scheme_title(str(taxonomy)))
        homepage = URIRef(f"{settings.site_url()}/")
        g.set((catalog_ref, FOAF.homepage, homepage))
        g.add((homepage, RDF.type, FOAF.Document))
        publisher = self._organization(tk.config["hcmedu.catalog_publisher"])
        if publisher:
            self._add_agents(catalog_ref, {"publisher": [publisher]}, "publisher", DCT.publisher)
            self._add_contact_to_graph(catalog_ref, DCAT.contactPoint, _contact(publisher))
        licence = vocabulary.licence(settings.license())
        if licence:
            g.add((catalog_ref, DCT.license, URIRef(licence)))
            g.add((URIRef(licence), RDF.type, DCT.LicenseDocument))
        place = URIRef(vocabulary.unless_said("place"))
        g.add((catalog_ref, DCT.spatial, place))
        g.add((place, RDF.type, DCT.Location))
        issued = tk.config["hcmedu.catalog_issued"]
        if issued:
            g.add((catalog_ref, DCT.issued, Literal(issued, datatype=XSD.date)))
        self._add_service(catalog_ref)
        if settings.is_simulated():
            self._add_statement_to_graph(
                {"provenance": SIMULATED},
                "provenance",
                catalog_ref,
                DCT.provenance,
                DCT.ProvenanceStatement,
            )
        self._complete()

    def _last_catalog_modification(self) -> str | None:
        """When any dataset that is shown last changed; not asked of the search index."""
        package = model.Package
        shown = model.Session.query(sa.func.max(package.metadata_modified)).filter_by(
            type="dataset", state=model.State.ACTIVE, private=False
        )
        last = shown.scalar()
        return moments.write(last) if last else None

    def _complete(self) -> None:
        """Say what everything that the graph names is, and name what has no name."""
        name_blank_nodes(self.g)
        for value in set(self.g.objects(None, DCT.spatial)):
            place = vocabulary.place(str(value))
            if place is not None:
                self._add_place(URIRef(value), place)
        for licence in set(self.g.objects(None, DCT.license)):
            kind = vocabulary.licence_type(str(licence))
            self.g.add((licence, RDF.type, DCT.LicenseDocument))
            if kind:
                self.g.add((licence, DCT.type, URIRef(kind)))
        self._add_concepts()

    def _add_place(self, node: URIRef, place: vocabulary.Place) -> None:
        self._add_texts(node, SKOS.prefLabel, place.label)
        self.g.add((node, DCT.identifier, Literal(place.code)))
        self.g.add((node, DCAT.bbox, Literal(place.box, datatype=GSP.wktLiteral)))
        self.g.add((node, DCAT.centroid, Literal(place.centre, datatype=GSP.wktLiteral)))

    def _add_table(self, dataset: Mapping[str, Any], dataset_ref: URIRef) -> None:
        """What the table's declaration and the release's manifest know of the dataset."""
        table = settings.declarations().tables.get(dataset.get("hcmedu_table") or "")
        if table is None:
            return
        site = settings.site_url()
        schema = structure.add_structure(self.g, table, site)
        self.g.add((dataset_ref, DCT.conformsTo, schema))
        for address in set(self.g.objects(dataset_ref, DCAT.distribution / DCAT.downloadURL)):
            # The other CSV file has headings and labels for Excel.
            if address.endswith(f"/{table.name}.csv"):
                structure.add_file(self.g, URIRef(address), schema)
        try:
            release = settings.release_store().get(table.name, int(dataset["hcmedu_release"]))
        except (UnknownRelease, KeyError, TypeError, ValueError):
            # Somebody has written the table's name by hand: nothing was measured.
            return
        measurements.add_measurements(self.g, dataset_ref, release.manifest, site)

    def _complete_service(self, service: Node, dataset_ref: URIRef) -> None:
        """What holds for the dataset holds for the service that answers from it."""
        for predicate in (DCAT.contactPoint, DCT.publisher, DCAT.theme, DCAT.keyword):
            for value in self.g.objects(dataset_ref, predicate):
                self.g.add((service, predicate, value))
        self._add_interface(service)

    def _add_interface(self, service: Node) -> None:
        interface = URIRef(_INTERFACE)
        self.g.add((service, DCT.conformsTo, interface))
        self.g.add((interface, RDF.type, DCT.Standard))
        self._add_texts(interface, DCT.title, {"en": "CKAN API, version 3"})

    def _add_texts(self, subject: Node, predicate: URIRef, texts: Mapping[str, str]) -> None:
        for language, text in texts.items():
            if text:
                self.g.add((subject, predicate, Literal(text, lang=language)))

    def _add_concepts(self) -> None:
        """Say of each controlled value what it is, as the schema's choices do.

        DCAT-AP's shapes ask that a value of a vocabulary is a labelled concept in its scheme, and
        a consumer that does not fetch the vocabulary has no other way to show it.
        """
        labels = {**_choices(self._dataset_schema or {}), **vocabulary.labels()}
        for value in {value for _, _, value in self.g if isinstance(value, URIRef)}:
            if str(value) in labels:
                scheme = URIRef(vocabulary.scheme(str(value)))
                self.g.add((value, RDF.type, SKOS.Concept))
                self.g.add((value, SKOS.inScheme, scheme))
                self.g.add((scheme, RDF.type, SKOS.ConceptScheme))
                self._add_texts(scheme, DCT.title, vocabulary.scheme_title(str(scheme)))
                self._add_texts(value, SKOS.prefLabel, labels[str(value)])

    def _add_date_triple(
        self, subject: Node, predicate: URIRef, value: Any, _type: Any = Literal
    ) -> None:
        """As ckanext-dcat does, which is much longer about a moment in ISO 8601 and leaves it
        without a time zone."""
        moment = _moment(value)
        if moment is None:
            super()._add_date_triple(subject, predicate, value, _type)
        else:
            self.g.add((subject, predicate, _type(moment.isoformat(), datatype=XSD.dateTime)))

    def _organization(self, name_or_id: str) -> dict[str, Any] | None:
        """An organisation as the session has it; `organization_show` asks for much more of it."""
        found = model.Group.get(name_or_id)
        if found is None or not found.is_organization:
            return None
        said = {**found.extras, "name": found.name, "title": found.title}
        said["title_translated"] = fluent_output(said.get("title_translated"))
        return agent(said)

    def _distribution(
        self, resource: Mapping[str, Any], dataset: Mapping[str, Any], licence: str | None
    ) -> dict[str, Any]:
        """A resource with its format, media type and licence as the vocabularies' IRIs.

        Its licence, and that of its services, is the dataset's unless they name another.
        """
        inherited = (None, "", dataset.get("license_id"), dataset.get("license_url"))

        def licensed(thing: Mapping[str, Any]) -> dict[str, Any]:
            own = thing.get("license")
            return {**thing, "license": licence if own in inherited else own}

        def service(thing: Mapping[str, Any]) -> dict[str, Any]:
            texts = {key: thing.get(f"{key}_translated") or thing.get(key) for key in _SERVICE}
            return {**licensed(thing), **texts}

        address = str(resource.get("url") or "").rstrip("/")
        return {
            **licensed(resource),
            **_stamped(resource),
            # What has no name is called as its file is.
            "name": resource.get("name") or address.rsplit("/", 1)[-1] or resource["id"],
            "rights": resource.get("rights") or vocabulary.public(),
            "access_services": [service(each) for each in resource.get("access_services") or []],
            "format": vocabulary.file_type(resource.get("format")) or resource.get("format"),
            "mimetype": vocabulary.media_type(resource.get("mimetype")),
            "access_url": resource.get("access_url") or resource.get("url"),
            "download_url": resource.get("download_url")
            or (resource.get("url") if resource.get("hash") else None),
        }

    def _add_service(self, catalog_ref: URIRef) -> None:
        """The portal's own API, as a service of the catalogue."""
        endpoint = URIRef(_api())
        self.g.add((catalog_ref, DCAT.service, endpoint))
        self.g.add((endpoint, RDF.type, DCAT.DataService))
        self.g.add((endpoint, DCAT.endpointURL, endpoint))
        self.g.add((endpoint, RDF.type, RDFS.Resource))
        manual = URIRef(f"{_INTERFACE}/")
        self.g.add((endpoint, DCAT.endpointDescription, manual))
        self.g.add((manual, RDF.type, RDFS.Resource))
        self._add_texts(endpoint, DCT.title, {"vi": "API của CKAN", "en": "CKAN API"})
        self._add_texts(endpoint, DCAT.keyword, {"vi": "giáo dục", "en": "education"})
        self.g.add((endpoint, DCAT.theme, URIRef(vocabulary.unless_said("theme"))))
        public = URIRef(vocabulary.public())
        self.g.add((endpoint, DCT.accessRights, public))
        self.g.add((public, RDF.type, DCT.RightsStatement))
        for predicate in (DCT.publisher, DCT.license, DCAT.contactPoint):
            for value in self.g.objects(catalog_ref, predicate):
                self.g.add((endpoint, predicate, value))
        self._add_interface(endpoint)
