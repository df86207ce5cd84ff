"""A new dataset family is one YAML file and nothing else."""

import shutil
from pathlib import Path

import pytest

from .conftest import Portal

pytestmark = pytest.mark.integration

TABLE = """\
table: schools-by-ownership
kind: cube
topic: schools
title: {vi: "Số trường theo cấp học và loại hình", en: Schools by level and ownership}
description:
  vi: Số cơ sở giáo dục của từng phường, xã theo cấp học và loại hình.
  en: The number of institutions of each ward by level and ownership.
keywords: {vi: [trường, loại hình], en: [schools, ownership]}
unit_of_observation: {vi: trường, en: school}
record: school
frequency: annual
dimensions:
  - {name: place, hierarchy: [area]}
  - {name: level, hierarchy: [level], zeros: true}
  - {name: ownership, hierarchy: [ownership], zeros: true}
measures:
  - name: schools
    count: true
    title: {vi: Số trường, en: Schools}
    unit: {vi: trường, en: schools}
methodology:
  vi: Đếm các trường có trong danh bạ của năm học.
  en: Institutions in the register of the school year are counted.
"""


def test_one_file_makes_dataset_datastore_files_and_feed_entry(
    portal: Portal, tmp_path: Path
) -> None:
    folder = tmp_path / "declarations"
    (folder / "tables").mkdir(parents=True)
    (folder / "tables" / "schools-by-ownership.yaml").write_text(TABLE, encoding="utf-8")
    ini = portal.state / "family.ini"
    text = portal.ini.read_text(encoding="utf-8")
    wanted = f"hcmedu.declarations_paths = {folder}"
    ini.write_text(text.replace("hcmedu.declarations_paths =", wanted), encoding="utf-8")
    ini.chmod(0o600)

    portal.run("hcmedu", "tables", "check", ini=ini)
    portal.run("hcmedu", "release", ini=ini)
    portal.run("hcmedu", "reconcile", ini=ini)

    name = "schools-by-ownership"
    dataset = portal.action("package_show", id=name)
    assert dataset["title"] == "Số trường theo cấp học và loại hình"
    rows = portal.action("datastore_search", resource_id=name, filters='{"area": "_T"}', limit=1000)
    whole = [row for row in rows["records"] if row["level"] == row["ownership"] == "_T"]
    schools = portal.action("datastore_search", resource_id="schools", limit=0)["total"]
    assert sum(row["schools"] for row in whole) == schools
    for resource in dataset["resources"]:
        assert portal.get(resource["url"].removeprefix(portal.url)).status_code == 200
    assert dataset["identifier"] in portal.get(f"/dataset/{name}.ttl").text
    assert portal.get(f"/dataset/{name}").status_code == 200

    # Nothing of it stays for the tests that follow.
    portal.run("hcmedu", "withdraw", name, "--reason", "Thử xong", ini=ini)
    shutil.rmtree(portal.state / "releases" / name)
    shutil.rmtree(portal.state / "withdrawn" / name)
    assert portal.get(f"/api/3/action/package_show?id={name}").status_code in (403, 404)
