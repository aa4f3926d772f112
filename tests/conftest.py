"""Fixtures of all tests: brokers that run for the whole session, and settings of its own for each test.

`make test` shares the tests out over three processes (pytest-xdist), which share one broker of each kind.
Tests of one file on one broker stay in one process, because their fixtures are made once for a file.
"""

import contextlib
import os
import re
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests.brokers import BROKERS, Offline, Running, Unavailable
from tests.shared_brokers import SharedBrokers, ask
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import TOPICS, create_topics, topic_name

collect_ignore = ["streams/counts_task.py", "streams/counts_through.py"]
"""Programs for a copy of the code with one more task: see streams/test_adding_a_task.py."""

SEEN: dict[str, str] = {}
_ON_BROKER = re.compile(rf"\[.*\b({'|'.join(BROKERS)})\b")
_LONG = (
    "tests/demo/",
    "tests/compose/",
    "tests/faults/",
    "tests/fuzz/",
    "tests/integration/",
    "tests/upgrades/",
)
_SHARED = pytest.StashKey[SharedBrokers]()

# The same examples in every run, so that a red run is red again; `make fuzz` looks for new ones.
_CALM = [HealthCheck.too_slow, HealthCheck.data_too_large]
hypothesis_settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=_CALM)
hypothesis_settings.register_profile(
    "long", deadline=None, max_examples=5000, print_blob=True, suppress_health_check=_CALM
)
hypothesis_settings.load_profile("ci")


def pytest_configure(config: pytest.Config) -> None:
    """Put up with the Unix sockets that Docker's client leaves open, and hear Ctrl-C wherever tests run."""
    line = "ignore:Exception ignored in. <socket.socket.* family=1,:pytest.PytestUnraisableExceptionWarning"
    config.addinivalue_line("filterwarnings", line)
    # A shell has Ctrl-C ignored by what it starts in the background, and by all that that starts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Say which tests stay together."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return f"{nodeid.partition('::')[0]} {_broker_of(nodeid)}"

    return ByFile(config, log)


def _broker_of(nodeid: str) -> str:
    found = _ON_BROKER.search(nodeid)
    return found[1] if found else ""


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Name the folder of the shared brokers to a process that runs tests."""
    if _SHARED not in node.config.stash:
        node.config.stash[_SHARED] = SharedBrokers()
    node.workerinput["brokers"] = str(node.config.stash[_SHARED].folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the shared brokers."""
    if (shared := config.stash.get(_SHARED, None)) is not None:
        shared.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest where several processes share the tests, so that none ends much later."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not (_broker_of(item.nodeid) or item.nodeid.startswith(_LONG)))


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set for a worker on this machine is not for tests."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"WATCHKEEPER_{name.upper()}", raising=False)


@pytest.fixture(scope="session", params=BROKERS)
def broker(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a broker; a test that asks for it runs once on each that there is."""
    try:
        with _running(request.config, request.param) as running:
            SEEN[request.param] = running.what
            yield running.address
    except Unavailable as error:
        SEEN[request.param] = f"no Apache Kafka, so its tests were skipped: {error}"
        if os.environ.get("CI") == "true" and not isinstance(error, Offline):
            pytest.fail(f"CI needs Apache Kafka: {error}", pytrace=False)
        pytest.skip(str(error))


def _running(config: pytest.Config, name: str) -> contextlib.AbstractContextManager[Running]:
    """Use the broker that all processes share, or start one where there is only this process."""
    given = getattr(config, "workerinput", {})
    if "brokers" in given:
        return contextlib.nullcontext(ask(Path(given["brokers"]), name))
    return BROKERS[name]()


@pytest.fixture
def settings(broker: str) -> Iterator[Settings]:
    """Settings for one test: all topics exist, under a prefix that no other test has."""
    own = uuid.uuid4().hex[:8]
    settings = Settings(broker=broker, application=f"test-{own}", topic_prefix=f"{own}.", web_port=0)
    create_topics(settings)
    yield settings
    admin = AdminClient(settings.client_config())
    for deleted in admin.delete_topics([topic_name(settings, name) for name in TOPICS]).values():
        deleted.exception()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that shares out the tests which brokers this one used."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["brokers"] = SEEN


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Hear it."""
    SEEN.update(getattr(node, "workeroutput", {}).get("brokers", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which brokers the run used, and why one was not."""
    if SEEN:
        terminalreporter.section("brokers")
        for what in SEEN.values():
            terminalreporter.line(what)
