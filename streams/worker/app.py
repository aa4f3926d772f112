"""The Faust app, with the settings that the guarantees rest on."""

import tempfile
from pathlib import Path

import faust
from faust.tables.manager import TableManager

from watchkeeper.streams.settings import Settings
from watchkeeper.streams.worker import transport

METADATA_MS = 5_000
MAX_POLL_SECONDS = 10 * 365 * 86_400.0


class NoTables(TableManager):  # type: ignore[misc]
    """Faust waits a second for tables to be declared before it joins the group; there are none here."""

    async def on_start(self) -> None:
        """Go on at once."""
        await self._update_channels()
        await self.recovery.start()


def make_app(settings: Settings) -> faust.App:
    """Build the app; `docs/adr/0003-faust.md` says why each of these is as it is."""
    transport.register()
    return faust.App(
        settings.topic_prefix + settings.application,
        broker=f"{transport.SCHEME}://{settings.broker.replace(',', ';')}",
        broker_credentials=settings.faust_credentials(),
        value_serializer="raw",
        key_serializer="raw",
        # One standby keeps Faust's own assignor, which moves topics of equal partition count together.
        table_standby_replicas=1,
        TableManager=NoTables,
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_buffer_maxsize=16,
        stream_wait_empty=False,
        broker_commit_interval=1.0,
        broker_session_timeout=settings.session_timeout_seconds,
        broker_heartbeat_interval=settings.session_timeout_seconds / 4,
        broker_request_timeout=max(30.0, 2 * settings.session_timeout_seconds),
        broker_rebalance_timeout=30.0,
        # aiokafka does not join again after so long without a fetch; and while a group rebalances nothing is
        # fetched. A broker that was away for a quarter of an hour just then would stop the worker for ever.
        broker_max_poll_interval=MAX_POLL_SECONDS,
        # A broker that has just started may not know its topics yet: who joins then is given none, until the
        # next look at the metadata tells that there are some.
        consumer_metadata_max_age_ms=METADATA_MS,
        consumer_max_fetch_size=1 << 20,
        consumer_auto_offset_reset="earliest",
        datadir=Path(tempfile.gettempdir(), "watchkeeper-faust"),  # Faust makes it, and nothing is put there
        web_enabled=False,
        web_tables_enabled=False,
        web_router_enabled=False,
    )
