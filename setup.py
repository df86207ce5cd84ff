"""Packaging of the portal: three rooms of one distribution (see docs and README.md)."""

from pathlib import Path

from setuptools import find_namespace_packages, setup

ROOT = Path(__file__).parent
EXTENSION = "ckanext-hcmedu"

# Everything that is data and not Python lies beside the code that reads it.
DATA = ["*.yaml", "*.csv", "*.json", "*.sql", "*.xsl", "*.ttl"]
SITE = [
    "**/*.yaml",
    "**/*.json",
    "templates/**/*",
    "public/**/*",
    "public/.well-known/*",
    "assets/**/*",
    "i18n/**/*",
    "migration/**/*",
]


def packages_below(name: str) -> list[str]:
    """The package `name` in the folder of that name, and its subpackages."""
    return [name, *(f"{name}.{below}" for below in find_namespace_packages(name))]


setup(
    name="ckanext-hcmedu",
    version="0.1.0",
    description="Open education data of Ho Chi Minh City: declared, anonymised, published on CKAN",
    long_description=(
        (ROOT / "README.md").read_text(encoding="utf-8") if (ROOT / "README.md").exists() else ""
    ),
    long_description_content_type="text/markdown",
    license="AGPL-3.0-or-later",
    keywords="CKAN open data education DCAT statistics disclosure control Vietnam",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Framework :: Flask",
        "Intended Audience :: Education",
        "Natural Language :: English",
        "Natural Language :: Vietnamese",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.11",
    ],
    python_requires=">=3.11",
    package_dir={"": EXTENSION, "harvesters": "harvesters", "schemas": "schemas"},
    packages=[
        *find_namespace_packages(EXTENSION, include=["ckanext.hcmedu", "ckanext.hcmedu.*"]),
        *packages_below("harvesters"),
        *packages_below("schemas"),
    ],
    package_data={"": DATA, "ckanext.hcmedu": SITE},
    install_requires=[
        line
        for line in (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ],
    entry_points={
        "ckan.plugins": [
            "hcmedu = ckanext.hcmedu.plugin:HCMEduPlugin",
            "hcmedu_harvest = ckanext.hcmedu.harvester:SnapshotHarvester",
        ],
        "ckan.rdf.profiles": [
            "hcmedu_dcat = ckanext.hcmedu.dcat.profile:HCMEduProfile",
        ],
        "babel.extractors": ["ckan = ckan.lib.extract:extract_ckan"],
    },
    message_extractors={
        EXTENSION: [
            ("**.py", "python", None),
            ("**/templates/**.html", "ckan", None),
        ]
    },
)
