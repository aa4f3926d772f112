"""Settings: the address of Kafka, the login, and a few limits and intervals.

Each setting is an environment variable: `WATCHKEEPER_` followed by its name in capitals.
"""

import contextlib
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, FilePath, HttpUrl, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from watchkeeper.streams.errors import UserError, uncapital
from watchkeeper.streams.tls import client_context

__all__ = ["PREFIX", "Settings", "SettingsError", "read_settings", "variable"]

PREFIX = "WATCHKEEPER_"
"""The prefix of the environment variables."""
_OPTIONS = {
    "broker": "--broker",
    "topic_prefix": "--topic-prefix",
    "alertmanagers": "--alertmanager",
    "web_port": "--web-port",
}
"""The command-line option of each setting that has one."""
TopicPart = r"^[A-Za-z0-9._-]*$"
"""A pattern for the characters that Kafka allows in topic names."""


class SettingsError(UserError, ValueError):
    """A setting is invalid. The message is one sentence for the user."""


class Settings(BaseSettings):
    """The settings of workers and commands. The docstring of a field is its text in the reference."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", env_ignore_empty=True, use_attribute_docstrings=True
    )

    broker: str = "localhost:9092"
    """Addresses of Kafka: `host:port`, separated by commas."""
    application: str = Field(default="watchkeeper", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    """Name of this installation, and prefix of its consumer groups. Workers of one name share the work."""
    topic_prefix: str = Field(default="", pattern=TopicPart, max_length=100)
    """Prefix of every topic name, for a shared cluster."""
    partitions: int = Field(default=4, ge=1, le=1000)
    """Partitions of each partitioned topic. At most this many workers share the work."""
    subject_partitions: int = Field(default=0, ge=0, le=1000)
    """Partitions over which subjects are spread; 0: all. `watchkeeper topics grow` prints what to set."""
    replication: int = Field(default=1, ge=1, le=32767)
    """Number of replicas of each topic that Watchkeeper creates. 3 in production: durable topics."""

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """Protocol of the broker: `SSL` means TLS, `SASL` means a login."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """SASL mechanism of the login, if the protocol uses SASL."""
    sasl_username: str | None = None
    """User name of the login, if the protocol uses SASL."""
    sasl_password: SecretStr | None = None
    """Password of the login. It is never printed."""
    sasl_password_file: FilePath | None = None
    """Path of a file with the password of the login, instead of the password itself."""
    ssl_ca_file: FilePath | None = None
    """Path of the CA certificates for the broker, in PEM. Default: the CA certificates of the machine."""
    ssl_certificate_file: FilePath | None = None
    """Path of the client certificate in PEM, if the broker requires one (mTLS)."""
    ssl_key_file: FilePath | None = None
    """Path of the private key of the client certificate, in PEM."""
    ssl_key_password: SecretStr | None = None
    """Password of the private key. It is never printed."""
    ssl_key_password_file: FilePath | None = None
    """Path of a file with the password of the private key."""

    session_timeout_seconds: float = Field(default=6.0, ge=1, le=300)
    """Seconds without a heartbeat after which a worker's partitions move to another worker."""
    checkpoint_seconds: float = Field(default=1.0, gt=0, le=600)
    """Seconds between two checkpoints of a busy partition. A restart rereads at most that much."""
    idle_seconds: float = Field(default=5.0, gt=0, le=3600)
    """Seconds without events after which a partition no longer holds windows of other partitions open."""
    early_labels_seconds: float = Field(default=300.0, ge=0, le=86_400)
    """Seconds for which labels published before their predictions hold the windows of a quiet model open."""
    write_format: int = Field(default=2, ge=1, le=2)
    """Format of checkpoints and internal records. Set it to 1 while some workers can't read format 2."""
    rejected_share_max: float = Field(default=0.5, ge=0, le=1)
    """Share of the latest events that may be rejected and name no model; above, a worker pages. 1: never."""
    rejected_events_min: int = Field(default=1000, ge=10, le=100_000)
    """Number of latest events, per topic and partition, in that share. With fewer, no worker pages."""

    alertmanagers: Annotated[tuple[HttpUrl, ...], NoDecode] = ()
    """URLs of all Alertmanagers of one cluster, separated by commas. Empty: pages go to the terminal."""
    alertmanager_username: str | None = None
    """User name, if Alertmanager requires a login."""
    alertmanager_password_file: FilePath | None = None
    """Path of a file with the password of that user."""
    alertmanager_bearer_file: FilePath | None = None
    """Path of a file with a bearer token, instead of a user and password."""
    alertmanager_hold_seconds: float = Field(default=300.0, ge=0, le=3600)
    """Minimum seconds that an alert fires at Alertmanager. Set the longest `group_interval` of its routes."""
    team: str = Field(default="ml-platform", pattern=r"^[^\s]{1,100}$")
    """Label `team` of the workers' alerts about Watchkeeper itself. Prometheus rules set their own."""
    runbooks: str = "docs/runbooks/"
    """URL or path of the runbooks, for monitors that set none. `<AlertName>.md` is appended."""
    web_host: str = "127.0.0.1"
    """Address on which a worker serves `/metrics`, `/live` and `/ready`."""
    web_port: int = Field(default=6066, ge=0, le=65535)
    """Port on which a worker serves them. 0: any free port."""
    max_series: int = Field(default=20_000, ge=0)
    """Maximum of `watchkeeper_statistic` series of one worker. Further series are dropped and counted."""

    @field_validator("alertmanagers", mode="before")
    @classmethod
    def _split(cls, given: Any) -> Any:
        urls = tuple(filter(None, map(str.strip, given.split(",")))) if isinstance(given, str) else given
        for url in map(str, urls):
            if "@" in url:
                raise ValueError(
                    f"a URL contains a user or password; set them in {variable('alertmanager_username')} "
                    f"and {variable('alertmanager_password_file')}"
                )
            if not url.startswith(("http://", "https://")):
                raise ValueError(f"must be a URL like http://alertmanager:9093, not {url!r}")
        return urls

    @field_validator("broker")
    @classmethod
    def _addresses(cls, given: str) -> str:
        if "@" in given:
            raise ValueError(
                f"contains a user or password; set them in {variable('sasl_username')} "
                f"and {variable('sasl_password_file')}"
            )
        for address in given.split(","):
            host, colon, port = address.strip().rpartition(":")
            if not (host and colon and port.isdigit() and 0 < int(port) < 65536) or "/" in host:
                raise ValueError(f"must be host:port, several separated by commas, not {given!r}")
        return given

    @model_validator(mode="after")
    def _check_login(self) -> Self:
        for name in ("sasl_password", "ssl_key_password"):
            if getattr(self, name) and getattr(self, f"{name}_file"):
                raise ValueError(f"set {variable(name)} or {variable(name)}_FILE, not both")
        if self.uses_sasl and not (self.sasl_username and self._password("sasl_password")):
            raise ValueError(
                f"the security protocol {self.security_protocol} needs {variable('sasl_username')} "
                f"and {variable('sasl_password')} (or {variable('sasl_password_file')})"
            )
        if not self.uses_sasl and self.sasl_username:
            raise ValueError(_unused(self.security_protocol, "sasl_username", "SASL_SSL"))
        if not self.uses_ssl and (self.ssl_ca_file or self.ssl_certificate_file):
            raise ValueError(_unused(self.security_protocol, "ssl_ca_file or ssl_certificate_file", "SSL"))
        if (self.ssl_certificate_file is None) != (self.ssl_key_file is None):
            raise ValueError(
                f"set both {variable('ssl_certificate_file')} and {variable('ssl_key_file')}, or neither"
            )
        if self.subject_partitions > self.partitions:
            name, most = variable("subject_partitions"), variable("partitions")
            raise ValueError(f"{name}={self.subject_partitions} is more than {most}={self.partitions}")
        self.ssl_context()  # Find unusable files here: the message is clearer than librdkafka's.
        return self

    @property
    def partitions_of_subjects(self) -> int:
        """Return over how many partitions subjects are spread. It stays when partitions are added."""
        return self.subject_partitions or self.partitions

    @property
    def uses_sasl(self) -> bool:
        """Whether the protocol has a login."""
        return self.security_protocol.startswith("SASL")

    @property
    def uses_ssl(self) -> bool:
        """Whether the connection is encrypted."""
        return self.security_protocol.endswith("SSL")

    def client_config(self) -> dict[str, Any]:
        """Return the librdkafka configuration for a producer, consumer or admin client."""
        config: dict[str, Any] = {
            "bootstrap.servers": self.broker,
            "client.id": self.application,
            "security.protocol": self.security_protocol,
        }
        if self.uses_sasl:
            config |= {
                "sasl.mechanism": self.sasl_mechanism,
                "sasl.username": self.sasl_username,
                "sasl.password": self._password("sasl_password"),
            }
        tls = {
            "ssl.ca.location": self.ssl_ca_file,
            "ssl.certificate.location": self.ssl_certificate_file,
            "ssl.key.location": self.ssl_key_file,
            "ssl.key.password": self._password("ssl_key_password"),
        }
        return config | {name: str(value) for name, value in tls.items() if value is not None}

    def faust_credentials(self) -> Any:
        """Return Faust's `broker_credentials`, or None for a plain connection.

        In Faust 0.15.3, `SSLCredentials(cafile=…)` raises TypeError, and `SASLCredentials` without a context
        does not encrypt. So this method always creates the context.
        """
        import faust  # Slow to import; only workers need it.

        if self.uses_sasl:
            return faust.SASLCredentials(
                username=self.sasl_username,
                password=self._password("sasl_password"),
                mechanism=self.sasl_mechanism,
                ssl_context=self.ssl_context(),
            )
        return faust.SSLCredentials(context=self.ssl_context()) if self.uses_ssl else None

    def secrets(self) -> list[str]:
        """Return all secrets, so that no log contains them. A file that can't be read has none."""
        found = [self._password(name) for name in ("sasl_password", "ssl_key_password")]
        for file in (self.alertmanager_password_file, self.alertmanager_bearer_file):
            with contextlib.suppress(OSError, UnicodeDecodeError):
                found.append(file.read_text().strip() if file else None)
        return [secret for secret in found if secret]

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return the TLS context, or None if the protocol does not use TLS."""
        if not self.uses_ssl:
            return None
        return client_context(
            self.ssl_ca_file, self.ssl_certificate_file, self.ssl_key_file, self._password("ssl_key_password")
        )

    def _password(self, name: str) -> str | None:
        file: Path | None = getattr(self, f"{name}_file")
        if file is not None:
            try:
                return file.read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                why = getattr(error, "strerror", None) or "it is not text"
                raise ValueError(f"{variable(name)}_FILE: {file} can't be read ({why})") from None
        secret: SecretStr | None = getattr(self, name)
        return secret.get_secret_value() if secret else None


def read_settings(**given: Any) -> Settings:
    """Read the settings from the environment.

    Args:
        given: Values that override the environment, by setting. None does not override.

    Raises:
        SettingsError: A setting is invalid.

    >>> read_settings(broker="kafka:9092", partitions=2).partitions
    2
    >>> read_settings(web_port=-1)
    Traceback (most recent call last):
    ...
    watchkeeper.streams.settings.SettingsError: --web-port: input should be greater than or equal to 0, not -1
    """
    given = {name: value for name, value in given.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError(_sentence(error, given)) from None


def _sentence(error: ValidationError, given: Mapping[str, Any]) -> str:
    first = error.errors()[0]
    text = uncapital(first["msg"].removeprefix("Value error, "))
    if not first["loc"]:
        return text
    name = str(first["loc"][0])
    own = first["type"] == "value_error"
    secret = "password" in name and not name.endswith("_file")
    where = variable(name)
    if name in given and os.environ.get(where) != str(given[name]):
        where = _OPTIONS.get(name, where)
    return f"{where}: {text}" + ("" if own or secret else f", not {first['input']!r}")


def variable(name: str) -> str:
    """Return the name of a setting's environment variable."""
    return PREFIX + name.upper()


def _unused(protocol: str, name: str, other: str) -> str:
    return (
        f"{name} is set but the security protocol is {protocol}, which does not use it; "
        f"set {variable('security_protocol')}={other}"
    )
