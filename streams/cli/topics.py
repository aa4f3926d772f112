"""`watchkeeper topics`: create and list the topics that Watchkeeper uses."""

import typer
from confluent_kafka.admin import ClusterMetadata

from streams.cli.connection import reach
from streams.cli.options import AsJson, Broker, TopicPrefix, settings_of
from streams.cli.output import note, print_json, print_table
from streams.settings import Settings
from streams.topics import TOPICS, create_topics, topic_name

app = typer.Typer(
    name="topics", help="Create and list the topics that Watchkeeper uses.", no_args_is_help=True
)


@app.command()
def create(broker: Broker = None, topic_prefix: TopicPrefix = None) -> None:
    """Create the topics that are not there; those that are stay as they are.

    How many partitions and copies they get is in WATCHKEEPER_PARTITIONS and WATCHKEEPER_REPLICATION.

    \b
    Examples:
      watchkeeper topics create
      WATCHKEEPER_PARTITIONS=12 WATCHKEEPER_REPLICATION=3 watchkeeper topics create --broker kafka:9092
    """  # noqa: D301
    settings = settings_of(broker, topic_prefix)
    reach(settings)
    created = create_topics(settings)
    for name in created:
        note(f"created {name}")
    note(f"{len(created)} created, {len(TOPICS) - len(created)} were there")


@app.command("list")
def list_topics(broker: Broker = None, topic_prefix: TopicPrefix = None, as_json: AsJson = False) -> None:
    """List the topics, what they are for, and whether they are there.

    \b
    Examples:
      watchkeeper topics list
      watchkeeper topics list --json
    """  # noqa: D301
    settings = settings_of(broker, topic_prefix)
    rows = _rows(settings, reach(settings))
    if as_json:
        print_json(rows)
    else:
        print_table(["topic", "partitions", "kept", "what"], [list(row.values()) for row in rows])


def _rows(settings: Settings, there: ClusterMetadata) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for topic in TOPICS.values():
        name = topic_name(settings, topic.name)
        found = there.topics.get(name)
        rows.append(
            {
                "topic": name,
                "partitions": len(found.partitions) if found else "missing",
                "kept": "last of each key" if topic.compacted else f"{topic.retention.days} days",
                "purpose": topic.purpose,
            }
        )
    return rows
