"""The extension's plugin: it only wires; what it does stands in the modules it names."""

from __future__ import annotations

from typing import Any

import ckan.plugins as p
import ckan.plugins.toolkit as tk
from ckan import model
from ckan.common import CKANConfig
from ckan.lib.plugins import DefaultTranslation
from ckan.types import CKANApp

from ckanext.hcmedu import cli, editing, facets, helpers, settings, translation, validators
from ckanext.hcmedu.dcat import publishing, searches
from ckanext.hcmedu.dcat.departed import Departed
from ckanext.hcmedu.dcat.searches import Searches
from ckanext.hcmedu.dcat.server import Feed
from ckanext.hcmedu.delivery import Delivery
from ckanext.hcmedu.figures import maps
from ckanext.hcmedu.search import documents, queries
from ckanext.hcmedu.views import get_blueprints


@tk.blanket.actions(lambda: editing.get_actions() | searches.get_actions())
@tk.blanket.config_declarations
@tk.blanket.helpers(helpers.get_helpers)
@tk.blanket.validators(validators.get_validators)
@tk.blanket.blueprints(get_blueprints)
@tk.blanket.cli(cli.get_commands)
class HCMEduPlugin(p.SingletonPlugin, DefaultTranslation):
    """The portal's pages, schemas, code lists, release files and commands."""

    p.implements(p.IConfigurer)
    p.implements(p.IConfigurable)
    p.implements(p.ITranslation)
    p.implements(p.IFacets, inherit=True)
    p.implements(p.IPackageController, inherit=True)
    p.implements(p.IGroupController, inherit=True)
    p.implements(p.IOrganizationController, inherit=True)
    p.implements(p.IDomainObjectModification, inherit=True)
    p.implements(p.IMiddleware, inherit=True)

    # IConfigurer

    def update_config(self, config: CKANConfig) -> None:
        tk.add_template_directory(config, "templates")
        tk.add_public_directory(config, "public")
        tk.add_resource("assets", "hcmedu")

    # IConfigurable

    def configure(self, config: CKANConfig) -> None:
        settings.check()
        maps.check()

    # IFacets

    def dataset_facets(self, facets_dict: dict[str, str], package_type: str) -> dict[str, str]:
        return facets.titles()

    def group_facets(
        self, facets_dict: dict[str, str], group_type: str, package_type: str | None
    ) -> dict[str, str]:
        return facets.titles(without="groups")

    def organization_facets(
        self, facets_dict: dict[str, str], organization_type: str, package_type: str | None
    ) -> dict[str, str]:
        return facets.titles(without="organization")

    # IPackageController

    def before_dataset_index(self, pkg_dict: dict[str, Any]) -> dict[str, Any]:
        return {**pkg_dict, **documents.fields(pkg_dict)}

    def before_dataset_search(self, search_params: dict[str, Any]) -> dict[str, Any]:
        return {**search_params, **queries.parameters(search_params)}

    def after_dataset_search(
        self, search_results: dict[str, Any], search_params: dict[str, Any]
    ) -> dict[str, Any]:
        return facets.translate(search_results)

    def before_dataset_view(self, pkg_dict: dict[str, Any]) -> dict[str, Any]:
        return translation.dataset_for_view(pkg_dict)

    # IGroupController, IOrganizationController

    def before_view(self, data_dict: dict[str, Any]) -> dict[str, Any]:
        return translation.group_for_view(data_dict)

    def edit(self, entity: model.Group | model.Package) -> None:
        # Datasets are followed below: their controller is not told of what all can change them.
        if isinstance(entity, model.Group) and entity.is_organization:
            publishing.follow_organization(entity)

    # IDomainObjectModification

    def notify(self, entity: Any, operation: str) -> None:
        if isinstance(entity, model.Package):
            is_purged = operation == model.DomainObjectOperation.deleted
            publishing.follow(entity, is_purged)

    # IMiddleware

    def make_middleware(self, app: CKANApp, config: CKANConfig) -> CKANApp:
        app.wsgi_app = Feed(Departed(Searches(Delivery(app.wsgi_app))))
        return app
