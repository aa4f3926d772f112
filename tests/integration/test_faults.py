"""The short form of `make faults`: a few schedules end equal to the oracle, on every available broker.

`make test` runs one of them, `make test-long` the others.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers import Unavailable
from tests.faults.away import away
from tests.faults.cluster import Cluster, cluster
from tests.faults.healthy import healthy
from tests.faults.held import held
from tests.faults.ruin import ruin
from tests.faults.ruins import RUINS
from tests.faults.run import run
from tests.faults.schedule import FAULTS_AT_LEAST

SEEDS = [
    ("embedded", 101),
    pytest.param("kafka", 111, marks=pytest.mark.long),
    pytest.param("kafka", 112, marks=pytest.mark.long),
]
"""Schedules to run. Each takes about a minute."""


@pytest.fixture(scope="module")
def brokers(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Brokers for fault injection."""
    try:
        with cluster(request.param) as running:
            yield running
    except Unavailable as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI needs Apache Kafka: {error}", pytrace=False)
        pytest.skip(str(error))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("brokers", "seed"), SEEDS, indirect=["brokers"])
def test_a_schedule_of_faults_ends_equal_to_the_oracle(brokers: Cluster, seed: int, tmp_path: Path) -> None:
    result = run(brokers, seed, tmp_path)
    what = [str(result.difference), *result.troubles, *map(str, result.schedule.faults)]
    assert result.ok, "\n".join(what)
    assert result.happened.total() >= FAULTS_AT_LEAST
    assert result.events > 50_000


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_on_call_gets_every_page_once_though_alertmanager_was_away(tmp_path: Path) -> None:
    with cluster("embedded") as brokers:
        assert away(brokers, 8, tmp_path) == []


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("brokers", ["kafka"], indirect=True)
def test_no_label_is_lost_when_one_topic_is_read_later(brokers: Cluster, tmp_path: Path) -> None:
    assert held(brokers, tmp_path) == []


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", RUINS)
@pytest.mark.parametrize("brokers", ["kafka"], indirect=True)
def test_a_log_that_changes_is_told_and_what_is_gone_is_counted(
    brokers: Cluster, kind: str, tmp_path: Path
) -> None:
    found = ruin(brokers, kind, tmp_path)
    assert found.troubles == [], found


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("brokers", ["kafka"], indirect=True)
def test_healthy_new_models_raise_almost_no_alert(brokers: Cluster, tmp_path: Path) -> None:
    report = healthy(brokers, 6, 1.5, tmp_path)
    assert report.troubles == [], report
