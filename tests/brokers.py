"""The brokers for tests: always the embedded one, and the first available Apache Kafka.

Apache Kafka is, in this order: the address in WATCHKEEPER_TEST_BROKER, a container if Docker answers, or its
jars from Maven Central with the machine's Java. The test summary lists the brokers used, and why one was not.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from watchkeeper.streams.kafka.client import BrokerError, describe
from watchkeeper.streams.kafka.embedded import EmbeddedBroker, free_port, wait_for_port
from watchkeeper.streams.kafka.guarded_process import GuardedProcess
from watchkeeper.streams.settings import Settings

KAFKA = "4.1.1"
CLUSTER_ID = "WatchkeepersTestBroker"
CACHE = Path(os.environ.get("WATCHKEEPER_CACHE") or Path.home() / ".cache" / "watchkeeper") / f"kafka-{KAFKA}"
"""Folder of Apache Kafka's jars. They are downloaded once for all checkouts of a user."""

PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>watchkeeper</groupId><artifactId>tests</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""


class Unavailable(Exception):
    """The broker is not available on this machine. The message gives the reason."""


class Offline(Unavailable):
    """The broker would have to be downloaded, and the network does not answer."""


class Running(NamedTuple):
    """A running broker."""

    address: str
    what: str


def properties(port: int, controller_port: int) -> dict[str, str]:
    """Settings of one Kafka process that is broker and controller, and starts and rebalances quickly."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": f"PLAINTEXT://:{port},CONTROLLER://:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
    }


class KafkaFromJars:
    """Apache Kafka in KRaft mode with the machine's Java, on free ports, in its own folder."""

    def __init__(self, format_with: tuple[str, ...] = ()) -> None:
        self._java = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        self._java += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{jars()}/*"]
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="watchkeeper-kafka-"))
        self.config = properties(self.port, free_port()) | {"log.dirs": f"{self.folder}/data"}
        self._format_with = format_with
        self._process: GuardedProcess | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> "KafkaFromJars":
        self._file.write_text("".join(f"{name}={value}\n" for name, value in self.config.items()))
        tool = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(self._file)]
        try:
            run([*self._java, *tool, *self._format_with])
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start it. After `stop` it starts again with the same records."""
        log = self.folder / "kafka.log"
        self._process = GuardedProcess([*self._java, "kafka.Kafka", self._file], log, self.folder)
        try:
            wait_for_port(self._process, self.port, 60)
            describe(Settings(broker=self.address), 30)
        except BrokerError as error:
            output = log.read_text()[-4000:]
            raise AssertionError(f"Apache Kafka did not start: {error}\n{output}") from None

    def stop(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.stop()

    @property
    def _file(self) -> Path:
        return self.folder / "server.properties"


def jars() -> Path:
    """Return the folder with Kafka's jars. If it is missing, download them with Maven."""
    folder = CACHE / "libs"
    for program in ["java"] if folder.is_dir() else ["java", "mvn"]:
        if shutil.which(program) is None:
            raise Unavailable(f"{program} is not installed")
    if not folder.is_dir():
        _download(folder)
    return folder


def _download(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        pom, libs = Path(name, "pom.xml"), Path(name, "libs")
        pom.write_text(POM)
        run(
            [
                "mvn",
                "-q",
                "-B",
                "-C",
                "-f",
                f"{pom}",
                PLUGIN,
                "-DincludeScope=runtime",
                f"-DoutputDirectory={libs}",
            ]
        )
        with contextlib.suppress(OSError):  # another process renamed it first
            libs.rename(folder)


def run(command: list[str]) -> None:
    """Run a program to its end.

    Raises:
        Offline: Maven Central does not answer.
        Unavailable: The program failed. The message holds its output.
    """
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    output = done.stdout + done.stderr
    if done.returncode != 0 and ("Could not transfer" in output or "Unknown host" in output):
        raise Offline("Maven Central does not answer")
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{output}"


@contextlib.contextmanager
def kafka_in_docker() -> Iterator[str]:
    """Apache Kafka's image. The port is the same inside and outside, because the broker advertises it."""
    from testcontainers.core.container import DockerContainer

    port = free_port()
    container = DockerContainer(f"apache/kafka:{KAFKA}").with_bind_ports(port, port)
    for name, value in properties(port, 9093).items():
        container.with_env("KAFKA_" + name.upper().replace(".", "_"), value)
    with container:
        describe(Settings(broker=f"127.0.0.1:{port}"), 60)
        yield f"127.0.0.1:{port}"


def docker_answers() -> bool:
    """Whether a Docker engine answers."""
    if shutil.which("docker") is None:
        return False
    try:
        return subprocess.run(["docker", "info"], capture_output=True, timeout=20).returncode == 0
    except subprocess.TimeoutExpired:
        return False


@contextlib.contextmanager
def embedded() -> Iterator[Running]:
    """Run the embedded broker, which needs only its wheel."""
    with EmbeddedBroker() as broker:
        yield Running(broker.address, "the embedded broker (Tansu)")


@contextlib.contextmanager
def apache_kafka() -> Iterator[Running]:
    """Run the first available Apache Kafka.

    Raises:
        Unavailable: None is available. The message gives the reason.
    """
    with contextlib.ExitStack() as stack:
        yield _best(stack)


def _best(stack: contextlib.ExitStack) -> Running:
    if address := os.environ.get("WATCHKEEPER_TEST_BROKER"):
        return Running(address, f"{address}, from WATCHKEEPER_TEST_BROKER")
    why = "no Docker engine answers"
    if docker_answers():
        try:
            return Running(stack.enter_context(kafka_in_docker()), f"Apache Kafka {KAFKA} in Docker")
        except Exception as error:  # an engine without access to images, for example
            why = f"Docker answers but could not start it: {error}"
    kafka = stack.enter_context(KafkaFromJars())
    return Running(kafka.address, f"Apache Kafka {KAFKA} from its jars; {why}")


BROKERS: dict[str, Callable[[], contextlib.AbstractContextManager[Running]]] = {
    "embedded": embedded,
    "kafka": apache_kafka,
}
