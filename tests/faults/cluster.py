"""Brokers for fault injection behind a proxy: three Apache Kafka nodes in KRaft mode, or the embedded one."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from tests.brokers import CLUSTER_ID, jars, run
from tests.faults.proxy import Proxy
from watchkeeper.streams.kafka.client import BrokerError, describe
from watchkeeper.streams.kafka.embedded import EmbeddedBroker, free_port, wait_for_port
from watchkeeper.streams.kafka.guarded_process import GuardedProcess
from watchkeeper.streams.settings import Settings

DISK_BYTES = 768 << 20
START_SECONDS = 120


class Cluster(Protocol):
    """The faults that a schedule can inject into brokers."""

    kind: str
    what: str
    address: str
    """Address for clients, through the proxy."""
    inside: str
    """Address for the oracle, without the proxy."""
    replication: int
    faults: frozenset[str]
    """The supported kinds of fault."""
    proxy: Proxy

    def kill(self, number: int) -> None: ...
    def start(self, number: int) -> None: ...
    def freeze(self, number: int, frozen: bool) -> None: ...
    def fill_disk(self, number: int) -> None: ...
    def free_disk(self, number: int) -> None: ...
    def heal(self) -> None: ...


class Embedded:
    """The embedded broker. It is in memory, so it can be frozen but not restarted."""

    kind = "embedded"
    replication = 1
    faults = frozenset({"broker_frozen", "outage", "cut", "slow"})

    def __init__(self) -> None:
        proxied = free_port()
        self.what = "the embedded broker (Tansu)"
        self._broker = EmbeddedBroker(advertised_port=proxied)
        self.inside = self.address = f"127.0.0.1:{proxied}"
        own = self._broker.start()
        self.proxy = Proxy([(proxied, int(own.rpartition(":")[2]))])
        describe(Settings(broker=self.address), 30)

    def freeze(self, number: int, frozen: bool) -> None:
        """Stop its process, or continue it."""
        self._broker.signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def heal(self) -> None:
        """Undo what was done."""
        self.proxy.send("clear")
        self.freeze(0, False)

    def kill(self, number: int) -> None:
        """Unsupported: a restart would lose all records."""
        raise NotImplementedError

    start = fill_disk = free_disk = kill

    def close(self) -> None:
        """Stop it."""
        self._broker.stop()
        self.proxy.stop()


class _Node:
    """One Kafka node that is broker and controller."""

    def __init__(self, number: int, folder: Path) -> None:
        self.number = number
        self.folder = folder
        self.inside, self.controller, self.clients, self.proxied = (free_port() for _ in range(4))
        self.process: GuardedProcess | None = None
        self.disk = folder / "data"
        self.disk.mkdir(parents=True)
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(self.disk)],
            capture_output=True,
            check=False,
        )
        self.has_own_disk = mounted.returncode == 0


class ThreeKafkas:
    """Three nodes. Every topic is on all three, and two must have a record before it is acknowledged."""

    kind = "kafka"

    def __init__(self, count: int = 3) -> None:
        self.replication = count
        self.what = f"{count} Apache Kafka brokers in KRaft mode"
        self._folder = Path(tempfile.mkdtemp(prefix="watchkeeper-cluster-"))
        self._nodes = [_Node(n, self._folder / str(n)) for n in range(count)]
        self._java = ["java", "-Xmx384m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        self._java += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{jars()}/*"]
        self.faults = frozenset({"broker_killed", "broker_frozen", "outage", "cut", "slow"})
        if all(node.has_own_disk for node in self._nodes):
            self.faults |= {"disk_full"}
        for node in self._nodes:
            self._format(node)
        for node in self._nodes:
            self._launch(node)
        for node in self._nodes:
            self._await(node)
        self.proxy = Proxy([(node.proxied, node.clients) for node in self._nodes])
        self.address = ",".join(f"127.0.0.1:{node.proxied}" for node in self._nodes)
        self.inside = ",".join(f"127.0.0.1:{node.inside}" for node in self._nodes)

    def _properties(self, node: _Node) -> dict[str, object]:
        count = len(self._nodes)
        voters = ",".join(f"{n.number + 1}@127.0.0.1:{n.controller}" for n in self._nodes)
        return {
            "process.roles": "broker,controller",
            "node.id": node.number + 1,
            "listeners": f"INSIDE://127.0.0.1:{node.inside},CLIENTS://127.0.0.1:{node.clients},"
            f"CONTROLLER://127.0.0.1:{node.controller}",
            "advertised.listeners": f"INSIDE://127.0.0.1:{node.inside},CLIENTS://127.0.0.1:{node.proxied}",
            "inter.broker.listener.name": "INSIDE",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": voters,
            "listener.security.protocol.map": "INSIDE:PLAINTEXT,CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": f"{node.disk}/log",
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1000,
            "offsets.topic.num.partitions": 3,
            "offsets.topic.replication.factor": count,
            "transaction.state.log.num.partitions": 3,
            "transaction.state.log.replication.factor": count,
            "transaction.state.log.min.isr": max(1, count - 1),
            "min.insync.replicas": max(1, count - 1),
            "broker.session.timeout.ms": 3000,
            "broker.heartbeat.interval.ms": 500,
            "replica.lag.time.max.ms": 4000,
            "replica.fetch.wait.max.ms": 100,
            "controlled.shutdown.enable": "false",
            "log.segment.delete.delay.ms": 500,
            "log.index.size.max.bytes": 1 << 20,
            "num.network.threads": 2,
            "num.io.threads": 4,
            "num.recovery.threads.per.data.dir": 2,
        }

    def _file(self, node: _Node) -> Path:
        return node.folder / "server.properties"

    def _format(self, node: _Node) -> None:
        text = "".join(f"{name}={value}\n" for name, value in self._properties(node).items())
        self._file(node).write_text(text)
        run([*self._java, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(self._file(node))])

    def _launch(self, node: _Node) -> None:
        log = node.folder / "kafka.log"
        node.process = GuardedProcess([*self._java, "kafka.Kafka", str(self._file(node))], log)

    def _await(self, node: _Node, answer_seconds: float = 60) -> None:
        assert node.process is not None
        wait_for_port(node.process, node.inside, START_SECONDS)
        describe(Settings(broker=f"127.0.0.1:{node.inside}"), answer_seconds)

    def kill(self, number: int) -> None:
        """Kill a broker."""
        process = self._nodes[number].process
        assert process is not None
        process.stop()

    def start(self, number: int) -> None:
        """Restart a broker and wait until it answers. A broker with a full disk may die before."""
        node = self._nodes[number]
        deadline = time.monotonic() + START_SECONDS
        while True:
            if node.process is None or node.process.ended:
                self._launch(node)
            try:
                return self._await(node, 10)
            except BrokerError:
                if time.monotonic() > deadline:
                    raise

    def freeze(self, number: int, frozen: bool) -> None:
        """Stop a broker's process, or continue it."""
        process = self._nodes[number].process
        assert process is not None
        process.signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def fill_disk(self, number: int) -> None:
        """Fill the disk of a broker. Kafka stops itself at the next write."""
        with contextlib.suppress(OSError), (self._nodes[number].disk / "ballast").open("wb") as ballast:
            while True:
                ballast.write(b"\0" * (1 << 20))
                ballast.flush()

    def free_disk(self, number: int) -> None:
        """Free the disk again."""
        (self._nodes[number].disk / "ballast").unlink(missing_ok=True)

    def heal(self) -> None:
        """Undo what was done."""
        self.proxy.send("clear")
        for node in self._nodes:
            self.free_disk(node.number)
            if node.process is not None and not node.process.ended:
                self.freeze(node.number, False)
        for node in self._nodes:
            self.start(node.number)

    def close(self) -> None:
        """Stop all nodes and delete their files."""
        for node in self._nodes:
            if node.process is not None:
                node.process.stop()
            if node.has_own_disk:
                subprocess.run(["umount", "-l", str(node.disk)], check=False)
        if hasattr(self, "proxy"):
            self.proxy.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


@contextlib.contextmanager
def cluster(kind: str) -> Iterator[Cluster]:
    """Run `embedded` or `kafka` brokers. WATCHKEEPER_FAULTS_BROKERS sets the number of Kafka nodes."""
    brokers = (
        Embedded()
        if kind == "embedded"
        else ThreeKafkas(int(os.environ.get("WATCHKEEPER_FAULTS_BROKERS", "3")))
    )
    try:
        yield brokers
    finally:
        brokers.close()
