"""Settings come from the environment, keep secrets, and say in one sentence what is wrong."""

import ssl
import subprocess
from pathlib import Path

import faust
import pytest

from watchkeeper.streams.settings import Settings, SettingsError, read_settings

SECRET = "not for the log"  # noqa: S105
LOGIN = {"security_protocol": "SASL_SSL", "sasl_username": "amy", "sasl_password": SECRET}


def test_the_environment_is_read_and_what_is_given_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHKEEPER_BROKER", "kafka-1:9092, kafka-2:9092")
    monkeypatch.setenv("WATCHKEEPER_PARTITIONS", "12")
    settings = read_settings(partitions=3, application=None)
    assert (settings.broker, settings.partitions) == ("kafka-1:9092, kafka-2:9092", 3)
    assert settings.application == "watchkeeper"


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHKEEPER_SASL_PASSWORD_FILE", "")
    assert read_settings().sasl_password_file is None


def test_several_alertmanagers_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHKEEPER_ALERTMANAGERS", "http://a:9093, https://b.example/am/ ,")
    assert [str(url) for url in read_settings().alertmanagers] == ["http://a:9093/", "https://b.example/am/"]
    assert read_settings(alertmanagers=("http://c:9093",)).alertmanagers[0].host == "c"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"broker": "localhost"}, "--broker: must be host:port"),
        ({"broker": "kafka://localhost:9092"}, "--broker: must be host:port"),
        ({"broker": "localhost:99999"}, "--broker: must be host:port"),
        ({"application": "a b"}, "WATCHKEEPER_APPLICATION: string should match pattern"),
        ({"topic_prefix": "ä"}, "--topic-prefix: string should match pattern"),
        ({"partitions": 0}, "WATCHKEEPER_PARTITIONS: input should be greater than or equal to 1, not 0"),
        ({"web_port": 70000}, "--web-port: input should be less than or equal to 65535"),
        (
            {"alertmanagers": "am:9093"},
            "--alertmanager: must be a URL like http://alertmanager:9093, not 'am:9",
        ),
        ({"alertmanagers": "http://"}, "--alertmanager: input should be a valid URL"),
        (
            {"alertmanagers": f"http://amy:{SECRET}@am:9093"},
            "--alertmanager: a URL contains a user or password; ",
        ),
        ({"broker": f"amy:{SECRET}@kafka:9092"}, "--broker: contains a user or password; set them in"),
        ({"security_protocol": "SSL", "ssl_ca_file": __file__}, "WATCHKEEPER_SSL_CA_FILE: /"),
        ({"sasl_password_file": "/nowhere"}, "WATCHKEEPER_SASL_PASSWORD_FILE: path does not point to a file"),
        ({"security_protocol": "TLS"}, "WATCHKEEPER_SECURITY_PROTOCOL: input should be 'PLAINTEXT', 'SSL'"),
        ({"security_protocol": "SASL_SSL"}, "the security protocol SASL_SSL needs WATCHKEEPER_SASL_USERNAME"),
        ({"sasl_username": "amy"}, "sasl_username is set but the security protocol is PLAINTEXT"),
        ({"ssl_ca_file": __file__}, "ssl_ca_file or ssl_certificate_file is set but the security protocol"),
        ({"security_protocol": "SSL", "ssl_key_file": __file__}, "set both WATCHKEEPER_SSL_CERTIFICATE_FILE"),
        (LOGIN | {"sasl_password_file": __file__}, "set WATCHKEEPER_SASL_PASSWORD or WATCHKEEPER_SASL_PASS"),
        ({"no_such": 1}, "WATCHKEEPER_NO_SUCH: extra inputs are not permitted"),
    ],
)
def test_a_bad_setting_is_one_sentence(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(**given)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)
    assert SECRET not in str(error.value)


def test_the_variable_is_named_where_the_value_is_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHKEEPER_WEB_PORT", "70000")
    with pytest.raises(SettingsError, match=r"^WATCHKEEPER_WEB_PORT: input should be less"):
        read_settings()


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHKEEPER_SSL_KEY_PASSWORD", SECRET)
    settings = read_settings(**LOGIN)
    assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json()
    assert settings.client_config()["sasl.password"] == SECRET
    with pytest.raises(SettingsError) as error:
        read_settings(**LOGIN | {"sasl_password": [SECRET]})
    assert SECRET not in str(error.value)


def test_a_password_file_is_read_without_its_line_end(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(SECRET + "\n")
    settings = read_settings(**LOGIN | {"sasl_password": None, "sasl_password_file": file})
    assert settings.client_config()["sasl.password"] == SECRET
    assert settings.faust_credentials().password == SECRET


def test_a_plain_connection_has_no_credentials() -> None:
    settings = read_settings()
    assert settings.faust_credentials() is None
    assert settings.client_config() == {
        "bootstrap.servers": "localhost:9092",
        "client.id": "watchkeeper",
        "security.protocol": "PLAINTEXT",
    }


def test_a_login_over_tls_is_encrypted_for_faust_too() -> None:
    credentials = read_settings(**LOGIN).faust_credentials()
    assert isinstance(credentials, faust.SASLCredentials)
    assert credentials.protocol.value == "SASL_SSL"
    assert credentials.mechanism.value == "SCRAM-SHA-512"
    assert credentials.ssl_context.verify_mode is ssl.CERT_REQUIRED
    assert credentials.ssl_context.check_hostname


def test_tls_without_a_login_checks_the_broker() -> None:
    credentials = read_settings(security_protocol="SSL").faust_credentials()
    assert isinstance(credentials, faust.SSLCredentials)
    assert credentials.context.verify_mode is ssl.CERT_REQUIRED


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A certificate that is its own authority, with an encrypted key; and the key of another."""
    folder = tmp_path_factory.mktemp("tls")
    for name in ("own", "other"):
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-subj", "/CN=amy"]
        command += ["-keyout", f"{name}.key", "-out", f"{name}.pem", "-passout", f"pass:{SECRET}"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return {
        "ssl_ca_file": folder / "own.pem",
        "ssl_certificate_file": folder / "own.pem",
        "ssl_key_file": folder / "own.key",
        "other_key": folder / "other.key",
    }


def test_certificates_reach_librdkafka(files: dict[str, Path]) -> None:
    given = {name: files[name] for name in files if name != "other_key"}
    config = read_settings(security_protocol="SSL", ssl_key_password=SECRET, **given).client_config()
    assert config["ssl.ca.location"] == str(files["ssl_ca_file"])
    assert config["ssl.certificate.location"] == str(files["ssl_certificate_file"])
    assert config["ssl.key.location"] == str(files["ssl_key_file"])
    assert config["ssl.key.password"] == SECRET


@pytest.mark.parametrize(
    ("key", "password", "why"),
    [
        ("ssl_key_file", "wrong", "WATCHKEEPER_SSL_KEY_PASSWORD or its file"),
        ("ssl_key_file", None, "WATCHKEEPER_SSL_KEY_PASSWORD or its file"),
        ("other_key", SECRET, "(key values mismatch)"),
        ("ssl_certificate_file", SECRET, "WATCHKEEPER_SSL_CERTIFICATE_FILE and WATCHKEEPER_SSL_KEY_FILE: "),
    ],
)
def test_a_key_that_does_not_fit_is_one_sentence(
    files: dict[str, Path], key: str, password: str | None, why: str
) -> None:
    given = {"ssl_certificate_file": files["ssl_certificate_file"], "ssl_key_file": files[key]}
    with pytest.raises(SettingsError) as error:
        read_settings(security_protocol="SSL", ssl_key_password=password, **given)
    assert why in str(error.value)
    assert "\n" not in str(error.value)
    assert SECRET not in str(error.value)


def test_a_password_file_that_is_no_text_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(
        SettingsError, match=r"^WATCHKEEPER_SASL_PASSWORD_FILE: .* can't be read \(it is not text"
    ):
        read_settings(**LOGIN | {"sasl_password": None, "sasl_password_file": file})


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
