"""Settings come from the environment, keep secrets, and say in one sentence what is wrong."""

import ssl
from pathlib import Path

import faust
import pytest

from streams.settings import Settings, SettingsError, read_settings

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
        ({"broker": "localhost"}, "WATCHKEEPER_BROKER: must be host:port"),
        ({"broker": "kafka://localhost:9092"}, "WATCHKEEPER_BROKER: must be host:port"),
        ({"broker": "localhost:99999"}, "WATCHKEEPER_BROKER: must be host:port"),
        ({"application": "a b"}, "WATCHKEEPER_APPLICATION: string should match pattern"),
        ({"topic_prefix": "ä"}, "WATCHKEEPER_TOPIC_PREFIX: string should match pattern"),
        ({"partitions": 0}, "WATCHKEEPER_PARTITIONS: input should be greater than or equal to 1, not 0"),
        ({"web_port": 70000}, "WATCHKEEPER_WEB_PORT: input should be less than or equal to 65535"),
        ({"alertmanagers": "nonsense"}, "WATCHKEEPER_ALERTMANAGERS: input should be a valid URL"),
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


def test_certificates_reach_librdkafka(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("ssl_ca_file", "ssl_certificate_file", "ssl_key_file")}
    for file in files.values():
        file.touch()
    config = read_settings(security_protocol="SSL", ssl_key_password=SECRET, **files).client_config()
    assert config["ssl.ca.location"] == str(files["ssl_ca_file"])
    assert config["ssl.certificate.location"] == str(files["ssl_certificate_file"])
    assert config["ssl.key.location"] == str(files["ssl_key_file"])
    assert config["ssl.key.password"] == SECRET


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
