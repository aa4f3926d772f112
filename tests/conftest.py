"""Fixtures of all tests: brokers that run for the whole session, and separate settings for each test.

`make test` distributes the tests over three processes (pytest-xdist), which share one broker of each kind.
Tests of one file on one broker stay in one process, because they share fixtures of the file.
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

# The same examples in every run, so that failures are reproducible. `make fuzz` looks for new ones.
_CALM = [HealthCheck.too_slow, HealthCheck.data_too_large]
hypothesis_settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=_CALM)
hypothesis_settings.register_profile(
    "long", deadline=None, max_examples=5000, print_blob=True, suppress_health_check=_CALM
)
hypothesis_settings.load_profile("ci")


def pytest_configure(config: pytest.Config) -> None:
    """Ignore Unix sockets that Docker's client leaves open, and enable Ctrl-C in background runs."""
    line = "ignore:Exception ignored in. <socket.socket.* family=1,:pytest.PytestUnraisableExceptionWarning"
    config.addinivalue_line("filterwarnings", line)
    # A background process of a shell ignores Ctrl-C, and so do its children.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the tests of one file on one broker in one process."""
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
    """Pass the folder of the shared brokers to a process that runs tests."""
    if _SHARED not in node.config.stash:
        node.config.stash[_SHARED] = SharedBrokers()
    node.workerinput["brokers"] = str(node.config.stash[_SHARED].folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the shared brokers."""
    if (shared := config.stash.get(_SHARED, None)) is not None:
        shared.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Start with the longest tests if several processes run, so that all end at about the same time."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not (_broker_of(item.nodeid) or item.nodeid.startswith(_LONG)))


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove Watchkeeper's settings of this machine from the environment."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"WATCHKEEPER_{name.upper()}", raising=False)


@pytest.fixture(scope="session", params=BROKERS)
def broker(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a broker. A test that uses it runs once on each available broker."""
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
    """Use the broker that all processes share, or start one if this process is the only one."""
    given = getattr(config, "workerinput", {})
    if "brokers" in given:
        return contextlib.nullcontext(ask(Path(given["brokers"]), name))
    return BROKERS[name]()


@pytest.fixture
def settings(broker: str) -> Iterator[Settings]:
    """Settings for one test. All topics exist, with a prefix of their own."""
    own = uuid.uuid4().hex[:8]
    settings = Settings(broker=broker, application=f"test-{own}", topic_prefix=f"{own}.", web_port=0)
    create_topics(settings)
    yield settings
    admin = AdminClient(settings.client_config())
    for deleted in admin.delete_topics([topic_name(settings, name) for name in TOPICS]).values():
        deleted.exception()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Report the brokers that this process used to the one that distributes the tests."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["brokers"] = SEEN


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Receive the brokers that a process used."""
    SEEN.update(getattr(node, "workeroutput", {}).get("brokers", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print which brokers the run used, and why one was not."""
    if SEEN:
        terminalreporter.section("brokers")
        for what in SEEN.values():
            terminalreporter.line(what)
