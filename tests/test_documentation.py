"""The documentation against the code: links, commands, paths, keys and examples hold."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import click
import pytest
import yaml

from ckanext.hcmedu import cli
from harvesters.sources import load_sources
from schemas import DeclarationErrors, Declarations
from schemas.codelist import parse_codelist
from schemas.declaration import read_document

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
ROOMS = ("schemas", "harvesters", "ckanext-hcmedu", "config", "docker", "demo", "tests", ".ci")
SECURITY = ROOT / "ckanext-hcmedu/ckanext/hcmedu/public/.well-known/security.txt"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXAMPLE = re.compile(r"<!-- example: (\w+) -->\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def page_names(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


every_page = pytest.mark.parametrize("page", PAGES, ids=page_names(PAGES))


def code(page: Path) -> Iterator[str]:
    """The lines of code of a page: those of its blocks, without comments, and its `spans`."""
    text = page.read_text(encoding="utf-8")
    for _, block in _FENCE.findall(text):
        for line in block.splitlines():
            yield re.sub(r"(^|\s)#.*", "", line)
    yield from re.findall(r"`([^`\n]+)`", _FENCE.sub("", text))


def prose(page: Path) -> str:
    return re.sub(r"`[^`\n]+`", "", _FENCE.sub("", page.read_text(encoding="utf-8")))


def example(name: str, page: Path) -> str:
    found = dict(_EXAMPLE.findall(page.read_text(encoding="utf-8")))
    assert name in found, f"{page.name} has no example `{name}`"
    return found[name]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@every_page
def test_every_relative_link_resolves(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            broken.append(target)
    assert broken == []


@every_page
def test_every_make_command_is_a_target(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    named = {
        name for line in code(page) for name in re.findall(r"(?:^|\s)make ([a-z][a-z-]*)", line)
    }
    assert named - targets == set()


@every_page
def test_every_ckan_hcmedu_command_exists(page: Path) -> None:
    unknown = []
    for line in code(page):
        for words in re.findall(r"\bckan hcmedu ([^&|;]+)", line):
            if not exists(words.split()):
                unknown.append(words)
    assert unknown == []


def exists(words: list[str]) -> bool:
    """Whether `words` lead to a command of the group, and it has the options that they name."""
    command: click.Command = cli.hcmedu
    for word in words:
        if not isinstance(command, click.Group):
            break
        if word in ("…", "--help"):
            return True
        if word not in command.commands:
            return False
        command = command.commands[word]
    if isinstance(command, click.Group):
        return False
    options = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    return {word for word in words if word.startswith("--")} <= options | {"--help"}


@every_page
def test_every_path_named_is_there(page: Path) -> None:
    missing = []
    for span in re.findall(r"`([^`\s]+)`", _FENCE.sub("", page.read_text("utf-8"))):
        path = span.rstrip("/")
        if path.split("/")[0] in ROOMS and "/" in span and not re.search(r"[<>{}*…]", span):
            # What the README tells readers to write is not there.
            if path in ("schemas/tables/two-session-classes.yaml",
                        "config/sources/facility-survey.yaml"):  # fmt: skip
                continue
            if not (ROOT / path).exists():
                missing.append(span)
    assert missing == []


@every_page
def test_every_configuration_key_is_declared(page: Path) -> None:
    path = ROOT / "ckanext-hcmedu/ckanext/hcmedu/config_declaration.yaml"
    declaration = yaml.safe_load(path.read_text(encoding="utf-8"))
    declared = {option["key"] for group in declaration["groups"] for option in group["options"]}
    named = {key for line in code(page) for key in re.findall(r"(?<![\w./-])hcmedu\.[a-z_]+", line)}
    assert named - declared == set()


def test_each_page_for_readers_has_the_date_of_its_review() -> None:
    for page in (ROOT / "docs").glob("*.md"):
        head = page.read_text(encoding="utf-8").split("\n## ")[0]
        found = re.search(r"\d{4}-\d{2}-\d{2}", head)
        assert found, f"{page.name} has no date of review"
        date.fromisoformat(found[0])


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert {name for name in pages if f"({name})" not in index} == set()


def test_the_table_of_the_readme_is_well_formed(tmp_path: Path) -> None:
    write_table(tmp_path, example("table", ROOT / "README.md"), "two-session-classes")
    table = Declarations.load([tmp_path]).tables["two-session-classes"]
    assert [column.name for column in table.columns if column.role == "measure"] == [
        "classes", "two_sessions",
    ]  # fmt: skip


def test_the_source_of_the_readme_is_well_formed(tmp_path: Path) -> None:
    text = example("source", ROOT / "README.md")
    (tmp_path / "facility-survey.yaml").write_text(text, encoding="utf-8")
    sources = load_sources(tmp_path, Declarations.load().records)
    assert list(sources["facility-survey"].records) == ["facility"]


@pytest.mark.parametrize("name", ["table", "source"])
def test_both_readmes_have_the_same_examples(name: str) -> None:
    assert example(name, ROOT / "README.md") == example(name, ROOT / "README.vi.md")


def test_the_code_list_of_the_publishers_page_is_well_formed(tmp_path: Path) -> None:
    path = tmp_path / "session.yaml"
    path.write_text(example("codelist", ROOT / "docs" / "publisher.md"), encoding="utf-8")
    assert list(parse_codelist(read_document(path)).codes) == ["one_session"]


def test_the_target_of_the_publishers_page_is_well_formed(tmp_path: Path) -> None:
    path = tmp_path / "targets" / "cashless-tuition.yaml"
    path.parent.mkdir()
    path.write_text(example("target", ROOT / "docs" / "publisher.md"), encoding="utf-8")
    assert "cashless-tuition" in Declarations.load([tmp_path]).targets


def test_the_mistakes_of_the_publishers_page_are_told_so(tmp_path: Path) -> None:
    table = example("table", ROOT / "README.md").replace("two-session-classes", "bad")
    produced = []
    for number, (old, new) in enumerate(
        (
            ("record: class", "record: clas"),
            ("frequency: annual", "frequency: yearly"),
            ("hierarchy: [level]", "hierarchy: [levels]"),
            ("[two_sessions]", "[two_session]"),
            ("methodology:", "disclosure: {threshold: 3}\nmethodology:"),
        )
    ):
        folder = tmp_path / str(number)
        write_table(folder, table.replace(old, new), "bad")
        produced += mistakes(folder)
    folder = tmp_path / "person"
    (folder / "records").mkdir(parents=True)
    (folder / "records" / "visitor.yaml").write_text(
        "record: visitor\ntitle: {vi: Khách, en: Visitor}\nabout: persons\nperiod: month\nfields:\n"
        "  - {name: full_name, type: name, title: {vi: Họ tên, en: Full name}}\n",
        encoding="utf-8",
    )
    produced += mistakes(folder)
    told = example("mistakes", ROOT / "docs" / "publisher.md").splitlines()
    assert len(told) == 6
    for line in told:
        assert any(each.startswith(line.partition("…")[0]) for each in produced), line


def write_table(folder: Path, text: str, name: str) -> None:
    (folder / "tables").mkdir(parents=True)
    (folder / "tables" / f"{name}.yaml").write_text(text, encoding="utf-8")


def mistakes(folder: Path) -> list[str]:
    with pytest.raises(DeclarationErrors) as wrong:
        Declarations.load([folder])
    return [str(error).removeprefix(f"{folder}/") for error in wrong.value.errors]


def test_publiccode_has_what_the_standard_requires() -> None:
    found = yaml.safe_load((ROOT / "publiccode.yml").read_text(encoding="utf-8"))
    required = {
        "publiccodeYmlVersion", "name", "url", "platforms", "categories", "developmentStatus",
        "softwareType", "description", "legal", "maintenance", "localisation",
    }  # fmt: skip
    assert required - set(found) == set()
    assert found["publiccodeYmlVersion"] == "0.4"
    assert (
        set(found["description"])
        == {"vi", "en"}
        == set(found["localisation"]["availableLanguages"])
    )
    for text in found["description"].values():
        assert len(text["shortDescription"]) <= 150
        assert 150 <= len(text["longDescription"]) <= 10_000
        assert text["features"]
    assert found["legal"]["license"] == "AGPL-3.0-or-later"
    assert found["maintenance"]["type"] == "internal"
    assert all(contact["name"] for contact in found["maintenance"]["contacts"])
    assert found["localisation"]["localisationReady"] is True


def test_security_txt_has_what_rfc_9116_requires() -> None:
    lines = SECURITY.read_text(encoding="utf-8").splitlines()
    fields = [line.partition(": ")[::2] for line in lines if line and not line.startswith("#")]
    names = [name for name, _ in fields]
    assert names.count("Expires") == 1 and "Contact" in names
    values = dict(fields)
    assert values["Contact"].startswith("https://")
    assert datetime.fromisoformat(values["Expires"]).tzinfo is not None


def test_the_licence_is_the_whole_agpl() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "GNU AFFERO GENERAL PUBLIC LICENSE" in text.splitlines()[0]
    assert "13. Remote Network Interaction" in text
    assert "END OF TERMS AND CONDITIONS" in text
