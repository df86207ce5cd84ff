"""Our DCAT-AP 3 profile: what ckanext-dcat's lacks or leaves without an identity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ckan.plugins.toolkit as tk
from ckanext.dcat.profiles import EuropeanDCATAP3Profile
from ckanext.dcat.profiles.base import (
    ADMS,
    DCAT,
    DCT,
    FOAF,
    RDF,
    RDFS,
    SKOS,
    XSD,
    CleanedURIRef,
)
from rdflib import BNode, Literal, URIRef
from rdflib.term import Node

from ckanext.hcmedu import settings
from ckanext.hcmedu.dcat import vocabulary

SIMULATED = {
    "vi": "Dữ liệu mô phỏng, không phải số liệu thật.",
    "en": "Simulated data, not real figures.",
}
"""The provenance of simulated data of which nothing else is said."""

# Fields of ours whose translations ckanext-dcat writes and reads under the plain name.
_TRANSLATED = {"provenance": DCT.provenance, "version_notes": ADMS.versionNotes}

_UNKNOWN_LICENCE = URIRef("http://purl.org/adms/licencetype/UnknownIPR")


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
        dataset = {
            **dataset_dict,
            "provenance": provenance(dataset_dict),
            "version_notes": dataset_dict.get("version_notes_translated"),
            "publisher": dataset_dict.get("publisher") or self._publisher(dataset_dict),
            "resources": [
                self._distribution(each, dataset_dict, licence)
                for each in dataset_dict.get("resources", [])
            ],
        }
        super().graph_from_dataset(dataset, dataset_ref)
        self.g.remove((None, DCT.type, _UNKNOWN_LICENCE))
        if licence:
            self.g.add((dataset_ref, DCT.license, CleanedURIRef(licence)))
            self.g.add((CleanedURIRef(licence), RDF.type, DCT.LicenseDocument))
        parts = self.g.objects(dataset_ref, DCAT.distribution | DCT.publisher)
        for subject in (dataset_ref, *parts):
            self._add_concepts(subject)
            self._name_blank_nodes(subject)

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
        self._add_texts(taxonomy, DCT.title, {"vi": "Chủ đề dữ liệu (EU)", "en": "Data theme"})
        homepage = URIRef(f"{settings.site_url()}/")
        g.set((catalog_ref, FOAF.homepage, homepage))
        g.add((homepage, RDF.type, FOAF.Document))
        modified = g.value(catalog_ref, DCT.modified)
        if modified is not None:
            # CKAN's times are UTC but do not say so.
            moment = Literal(f"{modified}Z", datatype=XSD.dateTime)
            g.set((catalog_ref, DCT.modified, moment))
        publisher = self._organization(tk.config["hcmedu.catalog_publisher"])
        if publisher:
            self._add_agents(catalog_ref, {"publisher": [publisher]}, "publisher", DCT.publisher)
        self._add_service(catalog_ref)
        if settings.is_simulated():
            self._add_statement_to_graph(
                {"provenance": SIMULATED},
                "provenance",
                catalog_ref,
                DCT.provenance,
                DCT.ProvenanceStatement,
            )
        self._name_blank_nodes(catalog_ref)

    def _add_texts(self, subject: Node, predicate: URIRef, texts: Mapping[str, str]) -> None:
        for language, text in texts.items():
            if text:
                self.g.add((subject, predicate, Literal(text, lang=language)))

    def _add_concepts(self, subject: URIRef) -> None:
        """Say of each controlled value of `subject` what it is, as the schema's choices do.

        DCAT-AP's shapes ask that a value of a vocabulary is a labelled concept in its scheme, and
        a consumer that does not fetch the vocabulary has no other way to show it.
        """
        schema = self._dataset_schema or {}
        fields = [*schema.get("dataset_fields", []), *schema.get("resource_fields", [])]
        fields += [inner for field in fields for inner in field.get("repeating_subfields", [])]
        labels = {
            choice["value"]: choice["label"]
            for field in fields
            for choice in field.get("choices", [])
            if isinstance(choice.get("label"), dict)
        }
        for value in set(self.g.objects(subject)):
            if isinstance(value, URIRef) and str(value) in labels:
                self.g.add((value, RDF.type, SKOS.Concept))
                self.g.add((value, SKOS.inScheme, URIRef(value.rsplit("/", 1)[0])))
                self._add_texts(value, SKOS.prefLabel, labels[str(value)])

    def _organization(self, name_or_id: str) -> dict[str, Any] | None:
        try:
            found = tk.get_action("organization_show")(
                {"ignore_auth": True},
                {
                    "id": name_or_id,
                    "include_users": False,
                    "include_groups": False,
                    "include_followers": False,
                    "include_dataset_count": False,
                },
            )
        except tk.ObjectNotFound:
            return None
        return agent(found)

    def _publisher(self, dataset: Mapping[str, Any]) -> list[dict[str, Any]] | None:
        owner = dataset.get("owner_org")
        publisher = self._organization(owner) if owner else None
        return [publisher] if publisher else None

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

        return {
            **licensed(resource),
            "access_services": [licensed(each) for each in resource.get("access_services") or []],
            "format": vocabulary.file_type(resource.get("format")) or resource.get("format"),
            "mimetype": vocabulary.media_type(resource.get("mimetype")),
            "access_url": resource.get("access_url") or resource.get("url"),
            "download_url": resource.get("download_url")
            or (resource.get("url") if resource.get("hash") else None),
        }

    def _add_service(self, catalog_ref: URIRef) -> None:
        """The portal's own API, as a service of the catalogue."""
        endpoint = URIRef(f"{settings.site_url()}/api/3/action")
        self.g.add((catalog_ref, DCAT.service, endpoint))
        self.g.add((endpoint, RDF.type, DCAT.DataService))
        self.g.add((endpoint, DCAT.endpointURL, endpoint))
        self.g.add((endpoint, RDF.type, RDFS.Resource))
        self._add_texts(endpoint, DCT.title, {"vi": "API của CKAN", "en": "CKAN API"})
        public = URIRef(vocabulary.public())
        self.g.add((endpoint, DCT.accessRights, public))
        self.g.add((public, RDF.type, DCT.RightsStatement))

    def _name_blank_nodes(self, subject: URIRef) -> None:
        """Give each blank node below `subject` an IRI made from its place and its content.

        Without one, no consumer can tell that a node is the one it saw before, and no two
        renderings of a graph are the same.
        """
        for predicate in sorted(set(self.g.predicates(subject))):
            nodes = [node for node in self.g.objects(subject, predicate) if isinstance(node, BNode)]
            nodes.sort(key=self._content)
            for number, node in enumerate(nodes, start=1):
                name = str(predicate).rstrip("/").replace("#", "/").rsplit("/", 1)[-1]
                suffix = f"-{number}" if len(nodes) > 1 else ""
                named = URIRef(f"{subject}#{name}{suffix}")
                for _, inner, value in list(self.g.triples((node, None, None))):
                    self.g.remove((node, inner, value))
                    self.g.add((named, inner, value))
                self.g.remove((subject, predicate, node))
                self.g.add((subject, predicate, named))

    def _content(self, node: Node) -> list[str]:
        return sorted(f"{predicate} {value}" for predicate, value in self.g.predicate_objects(node))
