"""A Kafka with TLS, logins and ACLs: least privilege is enough, less is named, no secret is printed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.brokers import Offline, Unavailable
from tests.compose.locally import COMPOSE, until
from tests.compose.secured import CLUSTER_ID, SecuredKafka, settings_of
from tests.integration.running import apply, publish, values
from tests.integration.test_page import MONITOR, predictions
from watchkeeper.streams.kafka.client import producer
from watchkeeper.streams.topics.access import COMPONENTS, Right, rights
from watchkeeper.streams.topics.permissions import give, lacking
from watchkeeper.streams.topics.topics import create_topics, topic_name

COMMAND = (sys.executable, "-m", "watchkeeper.streams.cli")
FAST = {"WATCHKEEPER_CHECKPOINT_SECONDS": "0.3", "WATCHKEEPER_IDLE_SECONDS": "2", "WATCHKEEPER_WEB_PORT": "0"}

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """The broker, with topics and with the rights that the program lists and no others."""
    try:
        secured = SecuredKafka(tmp_path_factory.mktemp("secure"))
    except Unavailable as error:
        if os.environ.get("CI") == "true" and not isinstance(error, Offline):
            raise
        pytest.skip(str(error))
    with secured:
        create_topics(secured.as_user("admin"))
        done = watchkeeper(secured.environment("admin"), "topics", "acls", "--give")
        assert done.returncode == 0, done.stderr
        yield secured


def environment(given: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("WATCHKEEPER_")}
    return inherited | FAST | given


def watchkeeper(given: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], env=environment(given), capture_output=True, text=True, timeout=240
    )


class Worker:
    """A worker of some user; while the broker is too busy to answer it is started again."""

    def __init__(self, given: Mapping[str, str], log: Path, *arguments: str) -> None:
        self.log = log
        self._command = [*COMMAND, "worker", "--json-pages", *arguments]
        self._environment = environment(given)
        self._start()

    def _start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self._command, env=self._environment, stdout=output, stderr=output
            )

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()

    def output(self) -> str:
        return self.log.read_text()

    def works(self) -> bool:
        """Whether it is a member of the group."""
        if self.process.poll() == 2 and "no Kafka broker answers" in self.output().splitlines()[-1]:
            self._start()
        assert self.process.poll() is None, self.output()[-3000:]
        return "generation" in self.output()


def test_events_become_a_page_with_a_login_and_with_a_certificate(
    kafka: SecuredKafka, tmp_path: Path
) -> None:
    admin = kafka.as_user("admin")
    apply(admin, MONITOR)
    publish(kafka.as_user("publisher"), predictions(0, 3, with_age=True))
    publish(settings_of(kafka.mtls_environment("publisher")), predictions(3, 3, with_age=False))
    with (
        Worker(kafka.environment("worker"), tmp_path / "login.log", "--log-level", "DEBUG") as login,
        Worker(kafka.mtls_environment("worker"), tmp_path / "certificate.log") as certificate,
    ):
        for worker in (login, certificate):
            until(worker.works, 400, "a worker's membership")
        # The second worker may take over before the first has saved: then a record is there twice.
        records = until(lambda: {*values(admin, "alerts")}, 300, "the alert")
        assert [json.loads(value)["labels"]["alertname"] for value in records] == ["FeatureMissing"], records
        until(lambda: "FeatureMissing" in login.output() + certificate.output(), 60, "the page")
        assert login.works()
        assert certificate.works()
        assert_no_secret(kafka, login.output() + certificate.output())


@pytest.mark.parametrize("component", [name for name in COMPONENTS if name not in ("admin", "operator")])
def test_the_listed_rights_are_all_that_a_component_needs(kafka: SecuredKafka, component: Any) -> None:
    assert lacking(kafka.as_user(component), component) == []
    assert lacking(settings_of(kafka.mtls_environment(component)), component) == []


def test_each_right_of_a_worker_that_is_missing_is_named(kafka: SecuredKafka) -> None:
    worker = kafka.as_user("worker")
    for right in (r for r in rights(worker, "worker") if r.operation != "Describe"):
        take(kafka, right)
        until(lambda right=right: lacking(worker, "worker") == [right], 60, f"the loss of {right}")
        give(kafka.as_user("admin"), [right], "worker")
        until(lambda: not lacking(worker, "worker"), 60, f"the return of {right}")


@pytest.mark.parametrize(
    "right",
    [
        Right("topic", "statistics", "Write"),
        Right("group", "watchkeeper", "Read"),
        Right("transactional-id", "watchkeeper-", "Write", prefixed=True),
    ],
    ids=str,
)
def test_a_worker_with_one_right_fewer_says_which(kafka: SecuredKafka, right: Right) -> None:
    take(kafka, right)
    try:
        until(lambda: lacking(kafka.as_user("worker"), "worker"), 60)
        done = watchkeeper(kafka.environment("worker"), "worker")
    finally:
        give(kafka.as_user("admin"), [right], "worker")
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip().endswith(
        f"the user lacks rights of the worker: {right}; see: watchkeeper topics acls worker"
    )


def test_a_publisher_can_publish_and_nothing_else(kafka: SecuredKafka) -> None:
    publisher = kafka.as_user("publisher")
    publish(publisher, [("labels", "p", b"{}")])
    refused: list[Any] = []
    sender = producer(publisher, **{"message.timeout.ms": 5000, "log_level": 0})
    sender.produce(topic_name(publisher, "alerts"), b"x", on_delivery=lambda error, _: refused.append(error))
    sender.flush(20)
    assert refused[0] is not None
    admin = AdminClient(publisher.client_config())  # requests end unanswered when it is collected
    [deleted] = admin.delete_topics(["predictions"]).values()
    with pytest.raises(KafkaException, match=r"(?i)authoriz"):
        deleted.result(60)


def test_an_operator_applies_monitors_and_looks_at_what_was_rejected(
    kafka: SecuredKafka, tmp_path: Path
) -> None:
    """A user that the stack does not have; its administrator adds it."""
    admin = AdminClient(kafka.as_user("admin").client_config())
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 8192)
    added = admin.alter_user_scram_credentials([UserScramCredentialUpsertion("operator", info, b"oper-ator")])
    added["operator"].result(20)
    (kafka.secrets / "kafka_operator").write_text("oper-ator")
    file = tmp_path / "monitor.yaml"
    file.write_text(yaml.safe_dump(MONITOR.model_dump(mode="json", exclude_defaults=True)))
    operator = kafka.environment("operator")
    applied = until(lambda: (done := watchkeeper(operator, "apply", str(file))).returncode == 0 and done, 60)
    assert applied.returncode == 0
    listed = watchkeeper(operator, "rejected", "list")
    assert listed.returncode == 0, listed.stderr


@pytest.mark.parametrize(
    "arguments", [("worker",), ("doctor",), ("topics", "list"), ("canary",)], ids=" ".join
)
def test_a_wrong_password_is_one_sentence(
    kafka: SecuredKafka, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("not-the-password")
    given = kafka.environment("worker") | {"WATCHKEEPER_SASL_PASSWORD_FILE": str(wrong)}
    done = watchkeeper(given, *arguments)
    records = done.stdout if arguments == ("doctor",) else done.stderr
    assert done.returncode == (1 if arguments == ("doctor",) else 2), done.stderr
    assert records.count("\n") == 1
    assert "the login failed" in records
    assert "WATCHKEEPER_SASL_PASSWORD" in records
    assert "not-the-password" not in done.stdout + done.stderr


def test_a_broker_that_nobody_signed_for_is_not_spoken_to(kafka: SecuredKafka) -> None:
    given = kafka.environment("worker")
    del given["WATCHKEEPER_SSL_CA_FILE"]
    done = watchkeeper(given, "topics", "list")
    assert done.returncode == 2
    assert "TLS failed" in done.stderr


def test_a_client_without_a_certificate_is_not_let_in(kafka: SecuredKafka) -> None:
    given = kafka.mtls_environment("worker")
    del given["WATCHKEEPER_SSL_CERTIFICATE_FILE"], given["WATCHKEEPER_SSL_KEY_FILE"]
    done = watchkeeper(given, "topics", "list")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_no_secret_is_in_help_errors_or_what_settings_say_of_themselves(kafka: SecuredKafka) -> None:
    given = kafka.environment("worker") | kafka_password_in_place(kafka)
    output = ""
    for arguments in (
        ["--help"],
        ["worker", "--help"],
        ["doctor"],
        ["topics", "acls"],
        ["worker", "--web-port", "x"],
    ):
        done = watchkeeper(given, *arguments)
        output += done.stdout + done.stderr
    settings = settings_of(given)
    output += f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    bad = watchkeeper(given | {"WATCHKEEPER_SECURITY_PROTOCOL": "PLAINTEXT"}, "doctor")
    assert bad.returncode == 2
    assert_no_secret(kafka, output + bad.stdout + bad.stderr)
    assert len(output) > 3000


def kafka_password_in_place(kafka: SecuredKafka) -> dict[str, str]:
    """The password itself instead of a file."""
    return {
        "WATCHKEEPER_SASL_PASSWORD": (kafka.secrets / "kafka_worker").read_text(),
        "WATCHKEEPER_SASL_PASSWORD_FILE": "",
    }


def assert_no_secret(kafka: SecuredKafka, output: str) -> None:
    for path in kafka.secrets.iterdir():
        if path.name.startswith("kafka_"):
            assert path.read_text() not in output, path.name
        if path.name.endswith(".key"):
            assert path.read_text().splitlines()[1] not in output


def take(kafka: SecuredKafka, right: Right) -> None:
    """Take one right away from the worker."""
    kinds = {
        "topic": ResourceType.TOPIC,
        "group": ResourceType.GROUP,
        "transactional-id": ResourceType.TRANSACTIONAL_ID,
    }
    pattern = ResourcePatternType.PREFIXED if right.prefixed else ResourcePatternType.LITERAL
    operation = {"Read": AclOperation.READ, "Write": AclOperation.WRITE}[right.operation]
    wanted = AclBindingFilter(
        kinds[right.resource], right.name, pattern, "User:worker", "*", operation, AclPermissionType.ALLOW
    )
    admin = AdminClient(kafka.as_user("admin").client_config())
    [removed] = admin.delete_acls([wanted]).values()
    assert len(removed.result(60)) == 1, f"{right} was not given"


def test_the_secured_stack_uses_these_files_and_logins() -> None:
    secure = yaml.safe_load((COMPOSE / "docker-compose.secure.yml").read_text())
    plain = yaml.safe_load((COMPOSE / "docker-compose.yml").read_text())
    assert plain["services"]["kafka"]["environment"]["CLUSTER_ID"] == CLUSTER_ID
    assert secure["services"]["kafka"]["entrypoint"] == ["sh", "/etc/kafka/start.sh"]
    for name in ("worker-1", "worker-2", "canary", "demo", "topics", "acls"):
        given = secure["services"][name]["environment"]
        assert given["WATCHKEEPER_SECURITY_PROTOCOL"] == "SASL_SSL"
        user = given["WATCHKEEPER_SASL_USERNAME"]
        assert given["WATCHKEEPER_SASL_PASSWORD_FILE"] == f"/run/secrets/kafka_{user}"
        assert {"ca.pem", f"kafka_{user}"} <= set(secure["services"][name]["secrets"])
    assert {name for each in secure["services"].values() for name in each.get("secrets", [])} == set(
        secure["secrets"]
    )
