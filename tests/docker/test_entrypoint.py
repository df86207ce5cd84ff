"""The image's entry point: configuration from settings and secret files, or a clear refusal."""

import configparser
import importlib.util
import stat
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def entrypoint():
    file = ROOT / "docker" / "portal" / "entrypoint.py"
    description = importlib.util.spec_from_file_location("entrypoint", file)
    module = importlib.util.module_from_spec(description)
    description.loader.exec_module(module)
    return module


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name in (
        "HCMEDU_SECRET_KEY",
        "HCMEDU_CKAN_DATABASE_PASSWORD",
        "HCMEDU_DATASTORE_READER_PASSWORD",
        "HCMEDU_REDIS_PASSWORD",
    ):
        (folder / name).write_text(f"{name[7:].lower().replace('_', '-')}\n")
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        "CKAN_INI": str(tmp_path / "ckan.ini"),
        "HCMEDU_STATE": "/var/lib/hcmedu",
        "HCMEDU_SITE_URL": "https://data.example.org/",
        "HCMEDU_DATABASE_SERVER": "postgres:5432",
        "HCMEDU_REDIS_SERVER": "redis:6379",
        "HCMEDU_SOLR_URL": "http://solr:8983/solr/ckan",
    }


def test_configuration_is_made_from_settings_and_secrets(entrypoint, secrets, environment):
    entrypoint.check_settings(environment)
    entrypoint.configure(environment, entrypoint.read_secrets(secrets))
    ini = Path(environment["CKAN_INI"])
    assert stat.S_IMODE(ini.stat().st_mode) == 0o600
    parser = configparser.ConfigParser()
    parser.read(ini, encoding="utf-8")
    made = parser["app:main"]
    assert made["ckan.site_url"] == "https://data.example.org"
    assert made["secret_key"] == "secret-key"
    assert made["sqlalchemy.url"] == "postgresql://ckan:ckan-database-password@postgres:5432/ckan"
    assert made["ckan.datastore.read_url"] == (
        "postgresql://datastore_reader:datastore-reader-password@postgres:5432/datastore"
    )
    assert made["ckan.redis.url"].startswith("redis://:redis-password@redis:6379/0?socket_timeout=")
    assert made["solr_url"] == "http://solr:8983/solr/ckan"
    assert made["session_cookie_secure"] == "true"
    # Only whoever says so shows simulated data.
    assert made["hcmedu.simulated"] == "false"
    assert made["hcmedu.sources_path"] == str(ROOT / "config" / "sources")


def test_over_plain_http_cookies_are_sent_too(entrypoint, secrets, environment):
    environment |= {"HCMEDU_SITE_URL": "http://127.0.0.1:5000", "HCMEDU_SIMULATED": "true"}
    entrypoint.configure(environment, entrypoint.read_secrets(secrets))
    text = Path(environment["CKAN_INI"]).read_text(encoding="utf-8")
    assert "SESSION_COOKIE_SECURE = false\n" in text
    assert "hcmedu.simulated = true\n" in text


def test_a_source_s_secret_is_passed_on_and_an_empty_one_is_not(entrypoint, secrets):
    (secrets / "HCMEDU_CENTRAL_DATABASE_URL").write_text("postgresql://reader:p%40ss@central/edu\n")
    (secrets / "HCMEDU_SERVICES_CLIENT_SECRET").write_text("\n")
    found = entrypoint.read_secrets(secrets)
    assert found["HCMEDU_CENTRAL_DATABASE_URL"] == "postgresql://reader:p%40ss@central/edu"
    assert "HCMEDU_SERVICES_CLIENT_SECRET" not in found


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_missing_secret_is_named(entrypoint, secrets, content):
    file = secrets / "HCMEDU_REDIS_PASSWORD"
    file.unlink()
    if content is not None:
        file.write_text(content)
    with pytest.raises(entrypoint.SettingsError, match="HCMEDU_REDIS_PASSWORD") as refused:
        entrypoint.read_secrets(secrets)
    assert "make-secrets.sh" in str(refused.value)


def test_a_secret_that_would_break_an_address_is_refused_unseen(entrypoint, secrets):
    (secrets / "HCMEDU_REDIS_PASSWORD").write_text("a@b/c")
    with pytest.raises(entrypoint.SettingsError, match="HCMEDU_REDIS_PASSWORD") as refused:
        entrypoint.read_secrets(secrets)
    assert "a@b/c" not in str(refused.value)


def test_a_secret_in_the_environment_is_refused_unseen(entrypoint, environment):
    environment["HCMEDU_SECRET_KEY"] = "seen-by-all"
    with pytest.raises(entrypoint.SettingsError, match="HCMEDU_SECRET_KEY") as refused:
        entrypoint.check_settings(environment)
    assert "seen-by-all" not in str(refused.value)


def test_a_missing_setting_is_named(entrypoint, environment):
    del environment["HCMEDU_SITE_URL"]
    with pytest.raises(entrypoint.SettingsError, match="HCMEDU_SITE_URL"):
        entrypoint.check_settings(environment)


def test_simulated_is_true_or_false(entrypoint, environment):
    environment["HCMEDU_SIMULATED"] = "yes"
    with pytest.raises(entrypoint.SettingsError, match="true or false"):
        entrypoint.check_settings(environment)
