"""`watchkeeper rejected`: list, show and replay rejected events."""

import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import typer

from watchkeeper.schemas.rejections import Reason
from watchkeeper.streams.cli.connection import reach_topics
from watchkeeper.streams.cli.ledger import Filter, Ledger
from watchkeeper.streams.cli.options import AsJson, Broker, TopicPrefix, settings_of
from watchkeeper.streams.cli.output import note, print_json, print_table, progress
from watchkeeper.streams.cli.rejections import document, read_rejections, row, whole_documents
from watchkeeper.streams.cli.replaying import Replayer
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.settings import Settings

EXIT_SOME_LEFT = 1
"""Exit code of `replay` if some events could not be replayed."""
_SHOWN = 10
"""Events that could not be replayed and are listed at most. Chosen by hand: more hide the result."""

app = typer.Typer(
    name="rejected",
    help="List rejected events, and replay them.",
    no_args_is_help=True,
)

ForReason = Annotated[Reason | None, typer.Option("--reason", help="Select events rejected for this reason.")]
OfTopic = Annotated[
    str | None,
    typer.Option("--topic", metavar="TOPIC", help="Select events of this topic (name without prefix)."),
]
OfModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME[@ENVIRONMENT]",
        help="Select events that name this model or feature view, in any environment or in this one.",
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        help="Select events rejected at this time or later, like 2026-01-31T12:00Z; UTC if it has no offset.",
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="TIME",
        help="Select events rejected before this time; the format is that of --since.",
    ),
]
Events = Annotated[
    list[str] | None,
    typer.Argument(metavar="TOPIC/PARTITION/OFFSET", help="Select these events, as `list` names them."),
]


@app.command("list")
def list_rejected(
    limit: Annotated[
        int, typer.Option("--limit", min=1, help="Number of events to list, the newest first.")
    ] = 20,
    summary: Annotated[
        bool, typer.Option("--summary", help="Print only counts by topic and reason.")
    ] = False,
    reason: ForReason = None,
    topic: OfTopic = None,
    model: OfModel = None,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
    broker: Broker = None,
    topic_prefix: TopicPrefix = None,
) -> None:
    """List rejected events and their replays.

    \b
    Examples:
      watchkeeper rejected list
      watchkeeper rejected list --summary --since 2026-01-31T12:00Z
      watchkeeper rejected list --reason unknown_model --limit 100 --json
    """  # noqa: D301
    chosen = Filter(reason, topic, model, _time("--since", since), _time("--until", until))
    settings = _connect(broker, topic_prefix)
    with Ledger() as ledger:
        for rejection in read_rejections(settings, chosen):
            ledger.add(msgspec.structs.replace(rejection, value=b""))  # values take space and time
        tally = ledger.tally()
        newest = [] if summary else ledger.newest(limit)
    if as_json:
        documents = [each._asdict() for each in tally] if summary else whole_documents(settings, newest)
        print_json(documents)
        return
    if summary:
        print_table(["topic", "reason", "rejected", "replayed"], tally)
    else:
        print_table(["event", "at", "reason", "replayed", "problem"], [row(each) for each in newest])
    count, replayed = sum(each.rejected for each in tally), sum(each.replayed for each in tally)
    note(f"{count} rejected" + (f", {replayed} of them replayed" if replayed else ""))


@app.command()
def show(
    event: Annotated[
        str, typer.Argument(metavar="TOPIC/PARTITION/OFFSET", help="Event to show, as `list` names it.")
    ],
    as_json: AsJson = False,
    broker: Broker = None,
    topic_prefix: TopicPrefix = None,
) -> None:
    """Show one rejected event: bytes, headers and problem.

    \b
    Examples:
      watchkeeper rejected show predictions/0/4711
    """  # noqa: D301
    names = _names([event])
    settings = _connect(broker, topic_prefix)
    with Ledger() as ledger:
        for each in read_rejections(settings, Filter(names=names)):
            ledger.add(each)
        newest = ledger.newest(1)
    if not newest:
        raise _unknown(event)
    rejection = newest[0]
    found = document(rejection)
    if as_json:
        print_json(found)
        return
    headers = found.pop("headers")
    value = found.pop("value")
    rows = [(name, text) for name, text in found.items() if text is not None]
    print_table(["", ""], [*rows, *((f"header {name}", text) for name, text in headers)])
    typer.echo(value)
    if len(rejection.value) < rejection.size_bytes:
        note(f"only the first {len(rejection.value)} bytes are shown; the topic still has the whole event")


@app.command()
def replay(
    events: Events = None,
    reason: ForReason = None,
    topic: OfTopic = None,
    model: OfModel = None,
    since: Since = None,
    until: Until = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the number of events without replaying them.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Replay without confirmation.")] = False,
    as_json: AsJson = False,
    broker: Broker = None,
    topic_prefix: TopicPrefix = None,
) -> None:
    """Publish rejected events again, to their partitions.

    First fix the cause of the rejection. Each event counts once, even if you run the command repeatedly, stop
    it, or run it several times at once. An event that is still invalid is rejected again as a new event, and
    you can replay it after the next fix. Events keep their event time. An event counts as late if its pane
    has closed.

    The command exits with code 1 if some events could not be replayed.

    \b
    Examples:
      watchkeeper rejected replay --model flight-delay --dry-run
      watchkeeper rejected replay --reason invalid_event --since 2026-01-31T12:00Z --yes
      watchkeeper rejected replay predictions/0/4711 predictions/0/4712
    """  # noqa: D301
    names = _names(events) if events else None
    chosen = Filter(reason, topic, model, _time("--since", since), _time("--until", until), names)
    settings = _connect(broker, topic_prefix)
    if dry_run or not yes:
        count = _count(settings, chosen)
        if dry_run:
            _print_result({"replayed": 0, "would_be_replayed": count, "left": []}, as_json)
            return
        if count and not _confirmed(count):
            note("nothing was replayed")
            return
    replayer = Replayer(settings)  # before reading, so that no other replay records anything afterwards
    with Ledger() as ledger:
        count = _fill(ledger, settings, chosen)
        with progress() as bar:
            task = bar.add_task("replay", total=count)
            for done in replayer.replay(ledger.open()):
                bar.advance(task, done)
    _print_result(
        {"replayed": replayer.replayed, "left": [each._asdict() for each in replayer.left]}, as_json
    )
    if replayer.left:
        raise typer.Exit(EXIT_SOME_LEFT)


def _print_result(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    for each in result["left"][:_SHOWN]:
        note(f"{each['event']}: was not replayed: {each['why']}")
    if len(result["left"]) > _SHOWN:
        note(f"{len(result['left'])} in total were not replayed; --json lists them all")
    if "would_be_replayed" in result:
        note(f"{result['would_be_replayed']} would be replayed; nothing was replayed")
    else:
        note(f"{result['replayed']} replayed" + (_LATE if result["replayed"] else ""))


_LATE = "; events whose pane has closed count as late, and invalid events are rejected again"


def _count(settings: Settings, chosen: Filter) -> int:
    with Ledger() as ledger:
        return _fill(ledger, settings, chosen, values=False)


def _fill(ledger: Ledger, settings: Settings, chosen: Filter, values: bool = True) -> int:
    """Read the selected rejections and return the number of those not replayed yet."""
    for rejection in read_rejections(settings, chosen):
        ledger.add(rejection if values else msgspec.structs.replace(rejection, value=b""))
    tally = ledger.tally()
    found = sum(each.rejected for each in tally)
    if chosen.names and found < len(chosen.names):
        known = {each.name for each in ledger.newest(found)}
        raise _unknown(min(chosen.names - known))
    return found - sum(each.replayed for each in tally)


def _confirmed(count: int) -> bool:
    if not sys.stdin.isatty():
        raise UserError(
            f"replaying {count} events requires confirmation on a terminal; pass --yes, or --dry-run"
        )
    return typer.confirm(f"replay {count} events?", err=True)


def _connect(broker: str | None, topic_prefix: str | None) -> Settings:
    settings = settings_of(broker, topic_prefix)
    reach_topics(settings, "rejected")
    return settings


def _names(events: list[str]) -> frozenset[str]:
    for event in events:
        parts = event.rsplit("/", 2)
        if len(parts) != 3 or not (parts[1].isdigit() and parts[2].isdigit()):
            raise UserError(f"{event}: must be TOPIC/PARTITION/OFFSET, like predictions/0/4711")
    return frozenset(events)


def _unknown(event: str) -> UserError:
    return UserError(f"{event}: is not among the rejected events; see: watchkeeper rejected list")


def _time(option: str, given: str | None) -> datetime | None:
    if given is None:
        return None
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise UserError(f"{option} must be a time like 2026-01-31T12:00Z, not {given!r}") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
