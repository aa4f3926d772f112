"""`watchkeeper accept`: make the state that an alert reports the new normal."""

import getpass
import time
from collections.abc import Iterator
from typing import Annotated

import typer

from watchkeeper.alerting.acceptance import can_be_accepted
from watchkeeper.alerting.names import NAMES
from watchkeeper.schemas.alerts import Alert
from watchkeeper.schemas.findings import Check
from watchkeeper.schemas.revisions import Acceptance, MonitorRecord
from watchkeeper.schemas.subjects import subject_of
from watchkeeper.streams.cli.changes import EffectiveTime
from watchkeeper.streams.cli.connection import reach, reach_topics
from watchkeeper.streams.cli.current import ConfigRecord, read_configuration, send_configuration
from watchkeeper.streams.cli.effect import EffectiveFrom, print_start, time_of
from watchkeeper.streams.cli.options import Broker, TopicPrefix, settings_of
from watchkeeper.streams.cli.output import note
from watchkeeper.streams.config.accepting import with_acceptance
from watchkeeper.streams.config.state import Configuration
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.kafka.client import read_to_end
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

__all__ = ["accept"]

CHECKS: dict[str, Check] = {name.alertname: check for check, name in NAMES.items()}
"""The check of each alert name."""


def accept(
    alert: Annotated[
        str, typer.Argument(metavar="ALERT", help="Fingerprint of the alert, or its first characters.")
    ],
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Who accepts it.  [default: your login name]")
    ] = None,
    effective_from: EffectiveFrom = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the change without making it.")] = False,
    broker: Broker = None,
    topic_prefix: TopicPrefix = None,
) -> None:
    """Accept the state that an alert reports as the new normal.

    What raises an alert does not enter its own baseline, so an alert fires as long as its cause lasts. If the
    change is intended, accept it. The next window becomes the baseline, and the alert resolves.

    This is for alerts that compare with the subject's own past: VolumeChange, LatencyHigh, DuplicateEvents,
    and, without a reference, the alerts about its values. For others, build a new reference.

    \b
    Examples:
      watchkeeper accept 3f9a1c0b52d7e684
      watchkeeper accept 3f9a --by alice
    """  # noqa: D301
    settings = settings_of(broker, topic_prefix)
    reach_topics(settings, "monitors", "references", "alerts")
    labels = _find(settings, alert).labels
    name, check = labels.get("model") or labels.get("feature_view", ""), CHECKS.get(labels["alertname"])
    subject = subject_of(name, labels.get("environment"))
    when = EffectiveTime(time.time_ns() // 1_000_000, time_of(effective_from))
    current = read_configuration(settings)
    if check is None:
        raise UserError(f"{labels['alertname']}: is about Watchkeeper itself; there is nothing to accept")
    acceptance = Acceptance(
        check=check,
        segment=labels.get("segment"),
        feature=labels.get("feature"),
        by=by or getpass.getuser(),
    )
    _accept(settings, current, subject, acceptance, when, dry_run)


def _accept(
    settings: Settings,
    current: Configuration,
    subject: str,
    acceptance: Acceptance,
    when: EffectiveTime,
    dry_run: bool,
) -> None:
    watched, name = current.watched(subject), NAMES[acceptance.check].alertname
    if watched is None:
        raise UserError(f"{subject}: is not monitored, so nothing of it can be accepted")
    monitor = watched.at(when.now_ms).monitor
    has_reference = monitor.reference is not None or bool(current.references(subject))
    if not can_be_accepted(acceptance.check, has_reference):
        raise UserError(
            f"{name} of {subject}: compares with the reference; to accept the change, build a new reference "
            "from rows that have it, and apply it"
        )
    start = when.start(monitor, watched.latest.monitor)
    revisions = with_acceptance(current.monitor_revisions(subject), acceptance, start.at_ms)
    if not dry_run:
        send_configuration(
            settings, [ConfigRecord("monitors", subject, MonitorRecord(revisions=revisions).encode())]
        )
    where = f", only {acceptance.segment}" if acceptance.segment else ""
    typer.echo(f"{subject}: {name}{where} accepted as the new normal by {acceptance.by}")
    print_start(subject, start._replace(at_ms=revisions[-1].takes_effect_at_ms or start.at_ms), when)
    if dry_run:
        note("nothing was changed")


def _find(settings: Settings, fingerprint: str) -> Alert:
    """Return the firing alert with a fingerprint."""
    found = {each.fingerprint: each for each in _alerts(settings) if each.fingerprint.startswith(fingerprint)}
    if not found:
        raise UserError(f"no alert has the fingerprint {fingerprint!r}; it is in each alert's description")
    if len(found) > 1:
        raise UserError(f"{len(found)} alerts begin with {fingerprint!r}; give more of the fingerprint")
    (alert,) = found.values()
    if alert.status != "firing":
        raise UserError(f"the alert {alert.fingerprint} is resolved; there is nothing to accept")
    return alert


def _alerts(settings: Settings) -> Iterator[Alert]:
    """Yield the states of all alerts, the newest of each last."""
    topic = topic_name(settings, "alerts")
    for number in sorted(reach(settings).topics[topic].partitions):
        for message in read_to_end(settings, topic, number):
            if message.value() is not None:
                yield Alert.model_validate_json(message.value())
