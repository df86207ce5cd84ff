"""The files of a deployment hold together: compose.yaml, Dockerfile, process list, secrets."""

import configparser
import re
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"

# The simulated city and the stores are no processes of the portal's image.
NOT_IN_IMAGE = {"postgres", "redis", "solr", "city"}


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (DOCKER / "Dockerfile").read_text(encoding="utf-8")


def settings(service: dict) -> dict[str, str]:
    return {name: str(value) for name, value in (service.get("environment") or {}).items()}


def mounts(service: dict) -> list[list[str]]:
    """Sources and targets of a service's volumes; a colon in ${NAME:-default} parts nothing."""
    return [
        re.sub(r"\$\{[^}]*\}", "host", volume).split(":") for volume in service.get("volumes", [])
    ]


def test_every_process_of_the_portal_is_a_service(compose):
    processes = configparser.RawConfigParser()
    processes.read(ROOT / "config" / "supervisord.conf", encoding="utf-8")
    names = {section.removeprefix("program:") for section in processes.sections()} - NOT_IN_IMAGE
    assert names <= set(compose["services"])
    for name in names - {"web"}:
        _, *arguments = processes[f"program:{name}"]["command"].split()
        assert compose["services"][name]["command"] == ["ckan", *arguments]


def test_what_services_refer_to_is_declared(compose):
    for name, service in compose["services"].items():
        assert set(service.get("secrets", [])) <= set(compose["secrets"]), name
        assert set(service.get("networks", [])) <= set(compose["networks"]), name
        assert set(service.get("depends_on", {})) <= set(compose["services"]), name
        for source, *_ in mounts(service):
            if source.startswith("."):
                assert (DOCKER / source).exists(), f"{name} mounts {source}"
            elif source != "host":
                assert source in compose["volumes"], f"{name} mounts {source}"


def test_what_is_declared_is_used(compose):
    services = compose["services"].values()
    assert {one for service in services for one in service.get("secrets", [])} == set(
        compose["secrets"]
    )
    used = {source for service in services for source, *_ in mounts(service)}
    assert set(compose["volumes"]) <= used


def test_a_service_that_is_waited_for_can_be_healthy(compose, dockerfile):
    with_check = {image for image in ("portal", "solr") if f"AS {image}\n" in dockerfile}
    assert dockerfile.count("HEALTHCHECK ") == len(with_check) == 2
    for service in compose["services"].values():
        for name, how in service.get("depends_on", {}).items():
            other = compose["services"][name]
            if how["condition"] == "service_healthy":
                own = other.get("healthcheck", {}).get("test")
                assert own or "hcmedu-solr" in other["image"], name
            else:
                assert other["restart"] == "no", f"{name} never ends"


def test_secrets_come_by_file_only(compose):
    for name, secret in compose["secrets"].items():
        assert secret == {"file": f"${{HCMEDU_SECRETS:-./secrets}}/{name}"}
    for name, service in compose["services"].items():
        for variable, value in settings(service).items():
            secret = re.search("PASSWORD|SECRET|KEY|TOKEN|DATABASE_URL", variable)
            assert not secret or value.startswith("/run/secrets/"), f"{name}: {variable}"
            assert not re.search(r"://[^/@$]*:[^/@$]*@", value), f"{name}: {variable}"


def test_no_service_gets_a_secret_that_it_does_not_need(compose):
    has = {name: set(service.get("secrets", [])) for name, service in compose["services"].items()}
    assert {name for name in has if "HCMEDU_POSTGRES_PASSWORD" in has[name]} == {"postgres"}
    assert {name for name in has if "HCMEDU_ADMIN_PASSWORD" in has[name]} == {"initialise"}
    # Only the two that read the source systems can.
    readers = {"harvest-gather", "harvest-fetch"}
    for secret in ("HCMEDU_CENTRAL_DATABASE_URL", "HCMEDU_SERVICES_CLIENT_SECRET"):
        assert {name for name in has if secret in has[name]} == readers


def test_services_are_hardened(compose):
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert "privileged" not in service, name


def test_stores_cannot_be_reached_from_outside(compose):
    assert compose["networks"]["inside"]["internal"] is True
    for name in ("postgres", "redis", "solr"):
        assert compose["services"][name]["networks"] == ["inside"]
        assert "ports" not in compose["services"][name]
    published = [port for one in compose["services"].values() for port in one.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_sources_find_what_they_refer_to(compose):
    """Each ${NAME} in config/sources is a setting or a secret of the services that harvest."""
    for name in ("harvest-gather", "harvest-fetch"):
        service = compose["services"][name]
        known = set(settings(service)) | set(service["secrets"])
        for file in (ROOT / "config" / "sources").glob("*.yaml"):
            for wanted in re.findall(r"\$\{(\w+)\}", file.read_text(encoding="utf-8")):
                assert wanted in known, f"{file.name} refers to {wanted}, {name} has it not"


def test_images_start_from_debian_and_run_unprivileged(dockerfile):
    stages = re.findall(r"^FROM (\S+)(?: AS (\S+))?$", dockerfile, flags=re.MULTILINE)
    names = {name for _, name in stages}
    for image, name in stages:
        assert image == "debian:bookworm-slim" or image in names, name
    for target in ("solr", "portal"):
        stage = dockerfile.split(f"FROM debian:bookworm-slim AS {target}\n")[1].split("\nFROM ")[0]
        assert re.search(r"^USER (?!root|0)\S+$", stage, flags=re.MULTILINE)
        assert re.search(r"^HEALTHCHECK ", stage, flags=re.MULTILINE)
        assert "build-ca" not in stage


def test_the_image_is_built_with_the_installer_of_the_checkout(dockerfile):
    script = (ROOT / "config" / "local" / "install.sh").read_text(encoding="utf-8")
    version = re.search(r"^uv_version=(\S+)$", script, flags=re.MULTILINE)[1]
    assert f"ARG UV_VERSION={version}\n" in dockerfile


def test_what_the_dockerfile_copies_goes_to_the_builder(dockerfile):
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0:1] == "!"
    }
    joined = dockerfile.replace("\\\n", " ")
    for line in re.findall(r"^COPY (?!--from)(.*)$", joined, flags=re.MULTILINE):
        *sources, _ = [word for word in line.split() if not word.startswith("--")]
        for source in sources:
            assert (ROOT / source).exists(), source
            assert source.split("/")[0] in let_through, f".dockerignore keeps {source} back"


def test_scripts_are_well_formed():
    for script in [*DOCKER.glob("*.sh"), *DOCKER.glob("*/*.sh"), DOCKER / "solr" / "healthy"]:
        subprocess.run(["bash", "-n", str(script)], check=True)


def test_secrets_are_made_once_and_for_the_owner(compose, tmp_path):
    folder = tmp_path / "secrets"
    command = [str(DOCKER / "make-secrets.sh"), str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    made = {file.name: file.read_text() for file in folder.iterdir()}
    assert set(made) == set(compose["secrets"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    random = [value for value in made.values() if value]
    assert len(set(random)) == len(random) == 6
    assert all(re.fullmatch("[0-9a-f]{48}", value) for value in random)
    subprocess.run(command, check=True, capture_output=True)
    assert made == {file.name: file.read_text() for file in folder.iterdir()}
