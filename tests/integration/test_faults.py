"""The short form of `make faults`: a few schedules of faults end equal to the oracle, on every broker there is."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers import Unavailable
from tests.faults.away import away
from tests.faults.cluster import Cluster, cluster
from tests.faults.run import run
from tests.faults.schedule import FAULTS_AT_LEAST

SEEDS = {"embedded": [101], "kafka": [102]}


@pytest.fixture(params=SEEDS)
def brokers(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Brokers that can be hurt."""
    try:
        with cluster(request.param) as running:
            yield running
    except Unavailable as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI needs Apache Kafka: {error}", pytrace=False)
        pytest.skip(str(error))


def test_schedules_of_faults_end_equal_to_the_oracle(brokers: Cluster, tmp_path: Path) -> None:
    for seed in SEEDS[brokers.kind]:
        result = run(brokers, seed, tmp_path / str(seed))
        assert result.ok, f"{result.difference}\n" + "\n".join(
            [*result.troubles, *map(str, result.schedule.faults)]
        )
        assert result.happened.total() >= FAULTS_AT_LEAST
        assert result.events > 50_000


def test_on_call_gets_every_page_once_though_alertmanager_was_away(tmp_path: Path) -> None:
    with cluster("embedded") as brokers:
        assert away(brokers, 8, tmp_path) == []
