"""What leaves the checkout: the wheel has all data beside the code, and says what it imports."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = {
    "ckanext-hcmedu/ckanext/hcmedu": "ckanext/hcmedu",
    "harvesters": "harvesters",
    "schemas": "schemas",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The project's wheel, built from a copy of its sources."""
    folder = tmp_path_factory.mktemp("wheel")
    # What setuptools leaves in the source folder must not come into the next build.
    sources = folder / "sources"
    sources.mkdir()
    wanted = ["ckanext-hcmedu", "harvesters", "schemas", "setup.py", "pyproject.toml"]
    wanted += ["requirements.in", "README.md", "LICENSE"]
    present = [name for name in wanted if (ROOT / name).exists()]
    archive = subprocess.run(
        ["tar", "--create", "--exclude=*.egg-info", "--exclude=__pycache__", *present],
        cwd=ROOT, check=True, capture_output=True,
    ).stdout  # fmt: skip
    subprocess.run(["tar", "--extract"], cwd=sources, input=archive, check=True)
    subprocess.run(
        [sys.executable, "setup.py", "--quiet", "bdist_wheel", "--dist-dir", str(folder)],
        cwd=sources, check=True, capture_output=True,
    )  # fmt: skip
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


@pytest.mark.unit
@pytest.mark.parametrize("room", ROOMS)
def test_the_wheel_has_every_file_of_a_room(wheel: zipfile.ZipFile, room: str) -> None:
    folder = ROOT / room
    expected = {
        f"{ROOMS[room]}/{file.relative_to(folder)}"
        for file in folder.rglob("*")
        if file.is_file() and not {"__pycache__", ".mypy_cache"} & set(file.parts)
    }
    assert expected - set(wheel.namelist()) == set()


@pytest.mark.unit
def test_the_wheel_has_each_kind_of_data(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    for pattern in (
        r"schemas/tables/.+\.yaml",
        r"schemas/records/.+\.yaml",
        r"schemas/codelists/.+\.yaml",
        r"schemas/codelists/data/.+\.csv",
        r"schemas/scheming/.+\.yaml",
        r"schemas/meta/.+\.yaml",
        r"ckanext/hcmedu/config_declaration\.yaml",
        r"ckanext/hcmedu/templates/.+\.html",
        r"ckanext/hcmedu/public/hcmedu/vendor/.+\.woff2",
        r"ckanext/hcmedu/migration/hcmedu/alembic\.ini",
        r"ckanext/hcmedu/migration/hcmedu/versions/.+\.py",
    ):
        assert any(re.fullmatch(pattern, name) for name in names), pattern


@pytest.mark.unit
def test_the_wheel_has_the_three_rooms_only(wheel: zipfile.ZipFile) -> None:
    top = {name.split("/")[0] for name in wheel.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == {
        "ckanext",
        "harvesters",
        "schemas",
    }


@pytest.mark.unit
def test_what_the_rooms_import_is_declared() -> None:
    lines = (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
    declared = {re.split(r"[\[<>=~ ]", line)[0] for line in lines if line and line[0] != "#"}
    # CKAN's own requirements are a part of CKAN: a plugin may count on them.
    of_ckan = {
        re.split(r"[\[<>=~; ]", text)[0].lower()
        for text in importlib.metadata.requires("ckan") or []
        if 'extra == "requirements"' in text
    }
    providers = importlib.metadata.packages_distributions()
    undeclared = {
        name: sorted(owners)
        for room in ROOMS
        for name in imported(ROOT / room)
        if name not in sys.stdlib_module_names and name not in {"ckanext", "harvesters", "schemas"}
        if not (owners := {one.lower() for one in providers.get(name, [name])})
        & (declared | of_ckan)
    }
    assert undeclared == {}


def imported(room: Path) -> set[str]:
    """Top-level names that the Python files of a folder import."""
    names: set[str] = set()
    for file in room.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.split(".")[0])
    return names
