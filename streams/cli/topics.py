"""`watchkeeper topics`: create and list topics, and manage access rights."""

import shlex
from collections.abc import Iterator
from typing import Annotated

import typer
from confluent_kafka.admin import ClusterMetadata

from watchkeeper.streams.cli.connection import reach
from watchkeeper.streams.cli.options import AsJson, Broker, TopicPrefix, settings_of
from watchkeeper.streams.cli.output import note, print_json, print_table
from watchkeeper.streams.cli.rewind import rewind
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.kafka.embedded import CLUSTER_ID
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.access import COMPONENTS, Component, Right, rights
from watchkeeper.streams.topics.topics import TOPICS, add_partitions, create_topics, topic_name

app = typer.Typer(
    name="topics",
    help="Create and list topics, and manage access rights.",
    no_args_is_help=True,
)
app.command("rewind")(rewind)


@app.command()
def create(broker: Broker = None, topic_prefix: TopicPrefix = None) -> None:
    """Create the topics that do not exist.

    Existing topics stay as they are. WATCHKEEPER_PARTITIONS and WATCHKEEPER_REPLICATION set the number of
    partitions and replicas.

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
    note(f"{len(created)} created, {len(TOPICS) - len(created)} existed")


@app.command()
def grow(
    partitions: Annotated[int, typer.Option("--partitions", min=1, max=1000, help="The new number.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done.")] = False,
    broker: Broker = None,
    topic_prefix: TopicPrefix = None,
) -> None:
    """Add partitions to all partitioned topics.

    Also after somebody has added partitions to one topic. Then set the two settings that the command prints,
    and restart all workers. No subject moves, and what waits in the added partitions is read.

    \b
    Examples:
      watchkeeper topics grow --partitions 6 --dry-run
    """  # noqa: D301
    settings = settings_of(broker, topic_prefix)
    there = reach(settings)
    counts = {topic_name(settings, t.name): 0 for t in TOPICS.values() if t.partitions is None}
    counts = {name: len(there.topics[name].partitions) for name in counts if name in there.topics}
    most = max(counts.values(), default=settings.partitions)
    if partitions < most:
        raise UserError(f"a topic has {most} partitions already, and Kafka can't remove any")
    added = {name: partitions for name, count in counts.items() if count < partitions}
    for name in added:
        note(f"{name}: {counts[name]} partitions {'would become' if dry_run else 'become'} {partitions}")
    if not dry_run:
        add_partitions(settings, added)
    note(
        f"set WATCHKEEPER_PARTITIONS={partitions} and "
        f"WATCHKEEPER_SUBJECT_PARTITIONS={settings.partitions_of_subjects}, and restart all workers"
    )


@app.command("list")
def list_topics(broker: Broker = None, topic_prefix: TopicPrefix = None, as_json: AsJson = False) -> None:
    """List the topics, their purpose, and whether they exist.

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
        print_table(["topic", "partitions", "kept", "purpose"], [list(row.values()) for row in rows])


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


@app.command()
def acls(
    component: Annotated[
        Component | None,
        typer.Argument(
            help="Component that needs the rights.  [default: all components]", show_default=False
        ),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            "--user", metavar="NAME", help="Kafka user of the component.  [default: the component's name]"
        ),
    ] = None,
    give: Annotated[
        bool, typer.Option("--give", help="Add the rights at the broker.  Requires an administrator.")
    ] = False,
    broker: Broker = None,
    topic_prefix: TopicPrefix = None,
    as_json: AsJson = False,
) -> None:
    """Print the minimal Kafka rights of each component.

    The output is a list of `kafka-acls.sh` commands for an administrator. With --give, the command adds the
    rights itself.

    \b
    Examples:
      watchkeeper topics acls worker --user watchkeeper
      watchkeeper topics acls --give
    """  # noqa: D301
    settings = settings_of(broker, topic_prefix)
    wanted = {name: rights(settings, name) for name in COMPONENTS if component is None or name == component}
    if give:
        _give(settings, wanted, user)
    elif as_json:
        print_json({name: [right._asdict() for right in each] for name, each in wanted.items()})
    else:
        for name, each in wanted.items():
            typer.echo(f"# {name}: {COMPONENTS[name]}")
            for command in _commands(settings, each, user or name):
                typer.echo(command)


def _give(settings: Settings, wanted: dict[Component, list[Right]], user: str | None) -> None:
    from watchkeeper.streams.topics.permissions import give as give_rights

    if reach(settings).cluster_id == CLUSTER_ID:  # a request for ACLs would end this process
        raise UserError(f"{settings.broker}: the embedded broker has no ACLs; every client has all rights")
    for name, each in wanted.items():
        give_rights(settings, each, user or name)
        note(f"{user or name} has the rights of {name}: {len(each)} ACLs")


def _commands(settings: Settings, wanted: list[Right], user: str) -> Iterator[str]:
    """Return one command for all resources of a kind with the same operation."""
    kinds = dict.fromkeys((right.resource, right.operation, right.prefixed) for right in wanted)
    for kind in kinds:
        resource, operation, prefixed = kind
        names = [each.name for each in wanted if (each.resource, each.operation, each.prefixed) == kind]
        words = [
            "kafka-acls.sh",
            "--bootstrap-server",
            settings.broker,
            "--command-config",
            "admin.properties",
        ]
        words += ["--add", "--allow-principal", f"User:{user}", "--operation", operation]
        words += ["--resource-pattern-type", "prefixed"] if prefixed else []
        words += [word for name in names for word in (f"--{resource}", name)]
        yield shlex.join(words)
