"""Both clients log in to a broker over TLS, and the error names a wrong password."""

import asyncio
import base64
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from aiokafka import AIOKafkaProducer
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from tests.brokers import KafkaFromJars, Offline, Unavailable
from watchkeeper.streams.kafka.client import BrokerError, describe
from watchkeeper.streams.kafka.embedded import free_port
from watchkeeper.streams.settings import Settings, read_settings

PASSWORD = "only for tests"  # noqa: S105
MECHANISMS: tuple[str, ...] = get_args(Settings.model_fields["sasl_mechanism"].annotation)
JAAS = "org.apache.kafka.common.security"


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make the broker's key store and the trusted certificate with Java's keytool."""
    store, certificate = folder / "kafka.p12", folder / "kafka.pem"
    common = [
        "keytool",
        "-alias",
        "kafka",
        "-keystore",
        store,
        "-storetype",
        "PKCS12",
        "-storepass",
        PASSWORD,
    ]
    whose = ["-keyalg", "RSA", "-dname", "CN=localhost", "-ext", "SAN=ip:127.0.0.1"]
    authority = ["-ext", "bc:critical=ca:true", "-ext", "ku:critical=keyCertSign,digitalSignature"]
    subprocess.run([*common, "-genkeypair", *whose, *authority], check=True, capture_output=True)
    subprocess.run([*common, "-exportcert", "-rfc", "-file", certificate], check=True, capture_output=True)
    return store, certificate


def want_login(kafka: KafkaFromJars, store: Path) -> int:
    """Add a listener with TLS and both kinds of login. Return its port."""
    port = free_port()
    kafka.config["listeners"] += f",SASL_SSL://:{port}"
    kafka.config["advertised.listeners"] += f",SASL_SSL://127.0.0.1:{port}"
    kafka.config |= {
        "ssl.keystore.location": f"{store}",
        "ssl.keystore.type": "PKCS12",
        "ssl.keystore.password": PASSWORD,
        "sasl.enabled.mechanisms": ",".join(MECHANISMS),
        "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config": f"{JAAS}.scram.ScramLoginModule required;",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{JAAS}.scram.ScramLoginModule required;",
        "listener.name.sasl_ssl.plain.sasl.jaas.config": (
            f'{JAAS}.plain.PlainLoginModule required user_amy="{PASSWORD}";'
        ),
    }
    return port


@pytest.fixture(scope="module")
def login(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings for the listener with TLS and login."""
    try:
        scram = [each for each in MECHANISMS if each.startswith("SCRAM")]
        users = [("--add-scram", f"{each}=[name=amy,password={PASSWORD}]") for each in scram]
        kafka = KafkaFromJars(tuple(itertools.chain(*users)))
    except Unavailable as error:
        if os.environ.get("CI") == "true" and not isinstance(error, Offline):
            raise
        pytest.skip(str(error))
    store, certificate = make_certificate(tmp_path_factory.mktemp("certificate"))
    port = want_login(kafka, store)
    with kafka:
        yield read_settings(
            broker=f"127.0.0.1:{port}",
            security_protocol="SASL_SSL",
            sasl_username="amy",
            sasl_password=PASSWORD,
            ssl_ca_file=certificate,
        )


@pytest.mark.asyncio
@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_the_login_is_accepted(login: Settings, mechanism: str) -> None:
    settings = login.model_copy(update={"sasl_mechanism": mechanism})
    assert len(describe(settings).brokers) == 1
    auth = credentials_to_aiokafka_auth(settings.faust_credentials())
    client = AIOKafkaProducer(bootstrap_servers=settings.broker, **auth)
    await client.start()
    await client.stop()
    await asyncio.sleep(0.2)  # closing does not wait for the end of TLS, and the loop closes next


TALKS = """
import asyncio, json, sys
from aiokafka import AIOKafkaProducer
from confluent_kafka.admin import AdminClient
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth
from watchkeeper.streams.settings import read_settings
from watchkeeper.streams.worker.logs import start_logging

async def talk(settings):
    auth = credentials_to_aiokafka_auth(settings.faust_credentials())
    client = AIOKafkaProducer(bootstrap_servers=settings.broker, **auth)
    await client.start()
    await client.stop()

settings = read_settings(**json.load(sys.stdin))
start_logging("DEBUG", settings.secrets())
AdminClient(settings.client_config() | {"debug": "all"}).list_topics(timeout=20)
asyncio.run(talk(settings))
print(settings.secrets() == [settings.sasl_password.get_secret_value()])
"""


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_no_library_logs_the_password_even_at_debug(login: Settings, mechanism: str) -> None:
    given = login.model_dump(mode="json", exclude_defaults=True)
    given |= {"sasl_mechanism": mechanism, "sasl_password": PASSWORD}
    done = subprocess.run(
        [sys.executable, "-c", TALKS], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"
    assert "DEBUG aiokafka" in done.stderr
    assert "rdkafka" in done.stderr
    assert PASSWORD not in done.stderr
    assert base64.b64encode(PASSWORD.encode()).decode() not in done.stderr
    assert "sasl_auth_bytes" not in done.stderr


def test_a_wrong_password_is_named(login: Settings) -> None:
    wrong = read_settings(**login.model_dump() | {"sasl_password": "wrong"})
    with pytest.raises(BrokerError, match=r"(?i)authentication"):
        describe(wrong, timeout_seconds=2)


def test_a_certificate_that_nobody_trusts_is_named(login: Settings) -> None:
    wrong = read_settings(**login.model_dump() | {"ssl_ca_file": None})
    with pytest.raises(BrokerError, match="certificate verify failed"):
        describe(wrong, timeout_seconds=2)
