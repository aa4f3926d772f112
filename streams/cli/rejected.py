"""`watchkeeper rejected`: the events that could not be used, and why."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import typer

from schemas.rejections import Reason, Rejection
from streams.cli.connection import reach, reach_topics
from streams.cli.options import AsJson, Broker, TopicPrefix, settings_of
from streams.cli.output import note, print_json, print_table
from streams.errors import UserError
from streams.kafka import read_to_end
from streams.settings import Settings
from streams.topics import topic_name

app = typer.Typer(
    name="rejected", help="Look at the events that could not be used, and why.", no_args_is_help=True
)
_decoder = msgspec.msgpack.Decoder(Rejection)


@app.command("list")
def list_rejected(
    limit: Annotated[int, typer.Option("--limit", min=1, help="The newest so many.")] = 20,
    reason: Annotated[
        Reason | None, typer.Option("--reason", help="Only those rejected for this reason.")
    ] = None,
    as_json: AsJson = False,
    broker: Broker = None,
    topic_prefix: TopicPrefix = None,
) -> None:
    """List the newest rejected events.

    \b
    Examples:
      watchkeeper rejected list
      watchkeeper rejected list --reason unknown_model --limit 100 --json
    """  # noqa: D301
    settings = settings_of(broker, topic_prefix)
    reach_topics(settings, "rejected")
    newest = _Newest(limit)
    for rejection in _read(settings):
        if reason in (None, rejection.reason):
            newest.add(rejection)
    if as_json:
        print_json([_document(rejection) for rejection in newest.rejections()])
        return
    columns = ["event", "at", "reason", "what is wrong"]
    print_table(columns, [_row(rejection) for rejection in newest.rejections()])
    note(f"{newest.count} rejected" + (f" for {reason}" if reason else ""))


@app.command()
def show(
    event: Annotated[str, typer.Argument(metavar="TOPIC/PARTITION/OFFSET", help="As `list` names it.")],
    as_json: AsJson = False,
    broker: Broker = None,
    topic_prefix: TopicPrefix = None,
) -> None:
    """Show one rejected event as it came: its bytes, its headers, and what is wrong with it.

    \b
    Examples:
      watchkeeper rejected show predictions/0/4711
    """  # noqa: D301
    settings = settings_of(broker, topic_prefix)
    parts = event.rsplit("/", 2)
    if len(parts) != 3 or not (parts[1].isdigit() and parts[2].isdigit()):
        raise UserError(f"{event}: should be TOPIC/PARTITION/OFFSET, like predictions/0/4711")
    reach_topics(settings, "rejected")
    rejection = next((found for found in _read(settings) if _name(found) == event), None)
    if rejection is None:
        raise UserError(f"{event}: is not among the rejected events; see: watchkeeper rejected list")
    document = _document(rejection)
    if as_json:
        print_json(document)
        return
    headers = document.pop("headers")
    value = document.pop("value")
    print_table(["", ""], [*document.items(), *((f"header {name}", text) for name, text in headers)])
    typer.echo(value)
    if len(rejection.value) < rejection.size_bytes:
        note(f"the first {len(rejection.value)} bytes; the whole is still on its topic")


class _Newest:
    """The newest rejections, each once, in bounded memory."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: dict[str, Rejection] = {}
        self.count = 0

    def add(self, rejection: Rejection) -> None:
        # A repeat follows soon after its first, so what fell out is not counted twice.
        self.count += _name(rejection) not in self._known
        self._known[_name(rejection)] = rejection
        if len(self._known) >= 2 * self._limit + 1000:
            self._known = {_name(kept): kept for kept in reversed(self.rejections())}

    def rejections(self) -> list[Rejection]:
        newest = sorted(self._known.values(), key=lambda r: (r.rejected_at_ms, r.offset), reverse=True)
        return newest[: self._limit]


def _read(settings: Settings) -> Iterator[Rejection]:
    topic = topic_name(settings, "rejected")
    for number in sorted(reach(settings).topics[topic].partitions):
        for message in read_to_end(settings, topic, number):
            try:
                yield _decoder.decode(message.value() or b"")
            except msgspec.MsgspecError as error:
                note(f"{topic}/{number}/{message.offset()} is no rejection and is left out: {error}")


def _name(rejection: Rejection) -> str:
    return f"{rejection.topic}/{rejection.partition}/{rejection.offset}"


def _time(rejection: Rejection) -> str:
    return datetime.fromtimestamp(rejection.rejected_at_ms / 1000, UTC).isoformat(timespec="milliseconds")


def _row(rejection: Rejection) -> list[str]:
    return [_name(rejection), _time(rejection), rejection.reason, rejection.message]


def _document(rejection: Rejection) -> dict[str, Any]:
    return {
        "event": _name(rejection),
        "reason": rejection.reason,
        "message": rejection.message,
        "rejected_at": _time(rejection),
        "size_bytes": rejection.size_bytes,
        "key": None if rejection.key is None else _text(rejection.key),
        "headers": [[name, _text(value)] for name, value in rejection.headers],
        "value": _text(rejection.value),
    }


def _text(data: bytes) -> str:
    return data.decode(errors="backslashreplace")
