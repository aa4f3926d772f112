"""The whole stack without Docker: Kafka's jars, Prometheus, Alertmanager, workers, canary and demo."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from tests.brokers import KafkaFromJars
from tests.compose.locally import (
    COMPOSE,
    ROOT,
    Places,
    Program,
    alertmanager,
    mail,
    prometheus,
    receiver,
    until,
)
from watchkeeper.demo.page_receiver import ReceivedPage
from watchkeeper.streams.kafka.embedded import free_port

STACK: dict[str, Any] = yaml.safe_load((COMPOSE / "docker-compose.yml").read_text())
COMMAND = (sys.executable, "-m", "watchkeeper.streams.cli")


def kafka_properties(environment: dict[str, str], places: Places) -> dict[str, str]:
    """Return what Kafka's image makes of its environment, with ports of here."""
    properties = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in environment.items()
        if name.startswith("KAFKA_")
    }
    ports = {"9092": places.port("kafka:9092"), "19092": free_port(), "9090": free_port()}
    for name in ("listeners", "advertised.listeners", "controller.quorum.voters"):
        value = properties[name].replace("//kafka:", "//127.0.0.1:")
        properties[name] = re.sub(r":(\d+)", lambda port: f":{ports[port[1]]}", value)
    return properties


class Kafka(KafkaFromJars):
    """Apache Kafka's jars with the settings that the stack gives to its image."""

    def __init__(self, places: Places) -> None:
        super().__init__()
        self.port = places.port("kafka:9092")
        environment = STACK["services"]["kafka"]["environment"]
        self.config = kafka_properties(environment, places) | {"log.dirs": f"{self.folder}/data"}


class Running:
    """What runs, and what came of it."""

    def __init__(
        self, places: Places, pages: deque[ReceivedPage], mails: list[str], prom: Program, alerts: Program
    ) -> None:
        self.places, self.pages, self.mails = places, pages, mails
        self.prometheus, self.alertmanager = prom, alerts
        self.began = time.time()
        self.output = ""

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Evaluate over the time since the start, as a panel does; PromQL's errors are raised."""
        now = time.time()
        asked = {"query": expr, "start": self.began, "end": now, "step": "5s"}
        answer = json.loads(self.prometheus.get(f"/api/v1/query_range?{urlencode(asked)}"))
        return list(answer["data"]["result"])

    def rules(self) -> list[dict[str, Any]]:
        """Return all rules as Prometheus has them."""
        groups = json.loads(self.prometheus.get("/api/v1/rules"))["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def got(self, way: str) -> list[dict[str, Any]]:
        """Return what came one way."""
        return [page.body for page in list(self.pages) if page.way == way]


def environment_of(service: str, places: Places) -> dict[str, str]:
    """Return a service's environment with addresses of here."""
    given = STACK["services"][service]["environment"]
    here = {name: places.here(value) for name, value in given.items()}
    if service.startswith("worker"):
        here["WATCHKEEPER_WEB_PORT"] = str(places.port(f"{service}:{here['WATCHKEEPER_WEB_PORT']}"))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("WATCHKEEPER_")}
    return inherited | here


def start(stack: contextlib.ExitStack, service: str, places: Places) -> subprocess.Popen[bytes]:
    """Start one of our services, as the stack would."""
    log = (places.folder / f"{service}.log").open("wb")
    stack.callback(log.close)
    command = [*COMMAND, *STACK["services"][service]["command"]]
    if service == "canary":
        command += ["--web-port", str(places.port("canary:6067"))]
    process = subprocess.Popen(
        command, stdout=log, stderr=subprocess.STDOUT, env=environment_of(service, places), cwd=ROOT
    )
    stack.callback(_end, process)
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run(service: str, places: Places, *more: str, seconds: float = 800) -> str:
    """Run one of our services to its end; what it says, if it ends well."""
    log = places.folder / f"{service}.log"
    command = [*COMMAND, *STACK["services"][service]["command"], *more]
    environment = environment_of(service, places) | {"PYTHONUNBUFFERED": "1"}
    with log.open("wb") as output:
        ended = subprocess.run(command, stdout=output, stderr=output, env=environment, timeout=seconds)
    assert ended.returncode == 0, tails(places)
    return log.read_text()


def tails(places: Places) -> str:
    """Return the ends of all logs."""
    return "\n".join(f"{path.name}:\n{path.read_text()[-1500:]}" for path in places.folder.glob("*.log"))


@contextlib.contextmanager
def whole(folder: Path, days: Sequence[str], firing: str) -> Iterator[Running]:
    """Run the stack, publish a part of the demo's year up to each of the days, and give what runs.

    Before the last part Prometheus must have seen something for `firing`: an alert while it fires.
    """
    places = Places(folder)
    subprocess.run(["sh", COMPOSE / "secrets.sh", folder / "secrets"], check=True)
    for path in (folder / "secrets").iterdir():
        path.chmod(0o600)
        path.write_text(places.here(path.read_text()))
    with contextlib.ExitStack() as stack:
        stack.enter_context(Kafka(places))
        pages = stack.enter_context(receiver(places, ROOT / "docs/runbooks"))
        mails = stack.enter_context(mail(places))
        alerts = stack.enter_context(alertmanager(places))
        prom = stack.enter_context(prometheus(places))
        running = Running(places, pages, mails, prom, alerts)
        run("topics", places)
        for service in ("worker-1", "worker-2", "canary"):
            start(stack, service, places)
        for since, until_day in pairwise(days):
            running.output = run("demo", places, "--since", since, "--until", until_day)
            until(lambda: running.query(firing), 60, f"something for {firing}")
        yield running
