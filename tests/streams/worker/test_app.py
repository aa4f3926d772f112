"""The settings of Faust that guarantees rest on."""

import asyncio
from types import SimpleNamespace
from typing import Any

from aiokafka.consumer.group_coordinator import GroupCoordinator

from watchkeeper.streams.settings import Settings
from watchkeeper.streams.worker.app import make_app

A_WEEK_SECONDS = 7 * 86_400


def test_a_worker_joins_again_however_long_its_broker_was_away_in_the_middle_of_a_rebalance():
    app = make_app(Settings(application="away"))
    joins: list[Any] = []

    async def nothing() -> None:
        """No heartbeat to stop."""

    async def rejoin(subscription: Any) -> bool:
        joins.append(subscription)
        return False

    coordinator: Any = SimpleNamespace(
        _subscription=SimpleNamespace(subscribed_pattern=None, fetcher_idle_time=A_WEEK_SECONDS),
        _performed_join_prepare=True,
        _stop_heartbeat_task=nothing,
        _max_poll_interval=app.conf.broker_max_poll_interval,
        _retry_backoff_ms=1,
        _do_rejoin_group=rejoin,
    )
    asyncio.run(GroupCoordinator.ensure_active_group(coordinator, SimpleNamespace(active=True), object()))
    assert len(joins) == 1
