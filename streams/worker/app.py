"""Creates the Faust app, with the settings that the delivery guarantees depend on."""

import tempfile
from pathlib import Path

import faust
from faust.tables.manager import TableManager

from watchkeeper.streams.settings import Settings
from watchkeeper.streams.worker import transport
from watchkeeper.streams.worker.assignor import known_partitions

METADATA_MS = 5_000
"""Milliseconds between two requests for the topics of the cluster. Chosen by hand. A broker that has just
started may not know its topics yet: a worker that joins then gets no partitions until the next request."""
MAX_POLL_SECONDS = 10 * 365 * 86_400.0
"""Seconds without a fetch after which aiokafka leaves the group: ten years, so never. It would not join
again, and nothing is fetched during a rebalance: an outage at that time would stop the worker permanently."""


class NoTables(TableManager):  # type: ignore[misc]
    """Starts without tables. Faust waits a second for tables to be declared before it joins the group."""

    async def on_start(self) -> None:
        """Start without waiting."""
        await self._update_channels()
        await self.recovery.start()


def make_app(settings: Settings) -> faust.App:
    """Create the app. `docs/adr/0003-faust.md` gives the reasons for its settings."""
    transport.register()
    return faust.App(
        settings.topic_prefix + settings.application,
        broker=f"{transport.SCHEME}://{settings.broker.replace(',', ';')}",
        broker_credentials=settings.faust_credentials(),
        value_serializer="raw",
        key_serializer="raw",
        # With a standby, Faust uses its own assignor: it moves topics with equal partition counts together.
        table_standby_replicas=1,
        TableManager=NoTables,
        PartitionAssignor=known_partitions(settings.partitions),
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_buffer_maxsize=16,
        stream_wait_empty=False,
        broker_commit_interval=1.0,
        broker_session_timeout=settings.session_timeout_seconds,
        broker_heartbeat_interval=settings.session_timeout_seconds / 4,
        broker_request_timeout=max(30.0, 2 * settings.session_timeout_seconds),
        broker_rebalance_timeout=30.0,
        broker_max_poll_interval=MAX_POLL_SECONDS,
        consumer_metadata_max_age_ms=METADATA_MS,
        consumer_max_fetch_size=1 << 20,
        consumer_auto_offset_reset="earliest",
        datadir=Path(tempfile.gettempdir(), "watchkeeper-faust"),  # Faust creates it and leaves it empty.
        web_enabled=False,
        web_tables_enabled=False,
        web_router_enabled=False,
    )


def is_connecting(app: faust.App) -> bool:
    """Whether Faust has created the client of its consumer. Before that, nothing can be asked of it."""
    consumer = app._consumer  # noqa: SLF001 - the public property creates it, in whatever thread asks
    return consumer is not None and consumer.has_client
