"""Kafka with TLS, logins and ACLs, from the very files of compose/, without Docker."""

import os
import stat
import subprocess
from pathlib import Path

from tests.brokers import jars
from tests.compose.locally import COMPOSE
from watchkeeper.streams.kafka.client import BrokerError, describe
from watchkeeper.streams.kafka.embedded import free_port, wait_for_port
from watchkeeper.streams.kafka.guarded_process import GuardedProcess
from watchkeeper.streams.settings import Settings, read_settings

USERS = ("admin", "worker", "canary", "publisher")
CLUSTER_ID = "WatchkeepersOwnCluster"
_TOOLS = {"kafka-storage.sh": "kafka.tools.StorageTool", "kafka-server-start.sh": "kafka.Kafka"}


class SecuredKafka:
    """Runs `compose/kafka/start.sh` with `compose/kafka/secure.properties`, and ports and paths of here."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.secrets = folder, folder / "secrets"
        for script in ("secrets.sh", "certificates.sh"):
            subprocess.run(["sh", COMPOSE / script, self.secrets], check=True, capture_output=True)
        self.port, self.mtls_port = free_port(), free_port()
        self._properties = folder / "secure.properties"
        self._properties.write_text(self._here((COMPOSE / "kafka/secure.properties").read_text()))
        self._tools = _tools(folder)
        self._process: GuardedProcess | None = None

    def _here(self, text: str) -> str:
        ports = {":9093": self.port, ":9094": self.mtls_port, ":9095": free_port()}
        for port, here in ports.items():
            assert port in text
            text = text.replace(port, f":{here}")
        text = text.replace("//kafka:", "//127.0.0.1:").replace("/var/lib/kafka/data", f"{self.folder}/data")
        return text.replace("/run/secrets/", f"{self.secrets}/")

    def __enter__(self) -> "SecuredKafka":
        environment = {
            "PATH": f"{self._tools}:{os.environ['PATH']}",
            "CLUSTER_ID": CLUSTER_ID,
            "SECRETS": f"{self.secrets}",
            "PROPERTIES": f"{self._properties}",
        }
        command = ["env", *(f"{name}={value}" for name, value in environment.items())]
        log = self.folder / "kafka.log"
        self._process = GuardedProcess([*command, "sh", COMPOSE / "kafka/start.sh"], log)
        try:
            wait_for_port(self._process, self.port, 120)
            describe(self.as_user("admin"), 60)
        except BrokerError as error:
            raise AssertionError(f"Apache Kafka did not start: {error}\n{log.read_text()[-4000:]}") from None
        return self

    def __exit__(self, *error: object) -> None:
        if self._process is not None:
            self._process.stop()

    def environment(self, user: str) -> dict[str, str]:
        """Return the settings of a user who logs in with a password."""
        return {
            "WATCHKEEPER_BROKER": f"127.0.0.1:{self.port}",
            "WATCHKEEPER_SECURITY_PROTOCOL": "SASL_SSL",
            "WATCHKEEPER_SASL_MECHANISM": "SCRAM-SHA-512",
            "WATCHKEEPER_SASL_USERNAME": user,
            "WATCHKEEPER_SASL_PASSWORD_FILE": f"{self.secrets}/kafka_{user}",
            "WATCHKEEPER_SSL_CA_FILE": f"{self.secrets}/ca.pem",
        }

    def mtls_environment(self, user: str) -> dict[str, str]:
        """Return the settings of a user who shows a certificate."""
        return {
            "WATCHKEEPER_BROKER": f"127.0.0.1:{self.mtls_port}",
            "WATCHKEEPER_SECURITY_PROTOCOL": "SSL",
            "WATCHKEEPER_SSL_CA_FILE": f"{self.secrets}/ca.pem",
            "WATCHKEEPER_SSL_CERTIFICATE_FILE": f"{self.secrets}/{user}.pem",
            "WATCHKEEPER_SSL_KEY_FILE": f"{self.secrets}/{user}.key",
        }

    def as_user(self, user: str) -> Settings:
        """Return the settings of a user, for use in this process."""
        return settings_of(self.environment(user))


def settings_of(environment: dict[str, str]) -> Settings:
    """Read settings from what would be the environment."""
    named = {name.removeprefix("WATCHKEEPER_").lower(): value for name, value in environment.items()}
    given = {name: value for name, value in named.items() if value}
    return read_settings(**given)


def _tools(folder: Path) -> Path:
    """Write the two programs of Kafka's distribution that the script calls, for Kafka's bare jars."""
    tools = folder / "bin"
    tools.mkdir()
    for name, main in _TOOLS.items():
        java = "java -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
        java += " -Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        (tools / name).write_text(f'#!/bin/sh\nexec {java} -cp "{jars()}/*" {main} "$@"\n')
        (tools / name).chmod(stat.S_IRWXU)
    return tools
