"""The checks of `watchkeeper doctor`: settings, topics, monitors and references."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Literal

import msgspec
from confluent_kafka import KafkaException
from confluent_kafka.admin import ClusterMetadata, ConfigResource, ResourceType

from watchkeeper.detectors.checks.reference import reference_labels, reference_rows
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.streams.cli.current import read_configuration
from watchkeeper.streams.config.state import Configuration, Watched, reference_key
from watchkeeper.streams.kafka.client import admin_client
from watchkeeper.streams.metrics.series_bound import series_bound
from watchkeeper.streams.settings import PREFIX, Settings, variable
from watchkeeper.streams.topics.topics import TOPICS, topic_name

__all__ = ["Checkup", "check_configuration", "check_environment", "check_topics"]

_RESPONSE_SECONDS = 10
"""Time in seconds that the broker has to answer. Chosen by hand: shorter fails on a slow network."""
_NAMED_MAX = 5
"""Most features that one line names. Chosen by hand: more make the line hard to read."""
_TIMES, _BROKERS_TIME = "message.timestamp.type", "LogAppendTime"


class Checkup(msgspec.Struct, frozen=True):
    """The result of one check."""

    level: Literal["ok", "warn", "fail"]
    what: str


def check_environment(environment: Mapping[str, str]) -> Iterator[Checkup]:
    """Check that every variable with the prefix of settings is a setting.

    >>> [checkup.what for checkup in check_environment({"WATCHKEEPER_BROKERS": "a:1", "HOME": "/"})]
    ['WATCHKEEPER_BROKERS is not a setting; did you mean WATCHKEEPER_BROKER?']
    """
    known = [variable(name) for name in Settings.model_fields]
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known:
            close = get_close_matches(name, known, 1)
            yield Checkup(
                "warn", f"{name} is not a setting" + (f"; did you mean {close[0]}?" if close else "")
            )


def check_topics(settings: Settings, there: ClusterMetadata) -> Iterator[Checkup]:
    """Check that every topic exists, with the right number of partitions and the right retention."""
    names = {topic_name(settings, name): topic for name, topic in TOPICS.items()}
    configs = _configs(settings, [name for name in names if name in there.topics])
    healthy = 0
    missing = []
    for name, topic in names.items():
        problem = None
        wanted, config = topic.partitions or settings.partitions, configs.get(name, {})
        policy = topic.config()["cleanup.policy"]
        if name not in there.topics:
            missing.append(name)
            continue
        if (found := len(there.topics[name].partitions)) != wanted:
            problem = f"topic {name} has {found} partitions, not {wanted}; {_advice(found, wanted)}"
        elif config.get("cleanup.policy", policy) != policy:
            problem = f"topic {name} has cleanup.policy={config['cleanup.policy']}; change it to {policy}"
        if problem:
            yield Checkup("fail", problem)
        elif config.get(_TIMES, _BROKERS_TIME) != _BROKERS_TIME:
            yield Checkup("warn", f"topic {name} has {_TIMES}={config[_TIMES]}; change it to {_BROKERS_TIME}")
        else:
            healthy += 1
    if missing:
        names_missing = ", ".join(missing)
        yield Checkup("fail", f"topics that do not exist: {names_missing}; run: watchkeeper topics create")
    if healthy:
        yield Checkup("ok", f"{healthy} of {len(names)} topics are set up correctly")
    if not configs and names.keys() & there.topics.keys():
        yield Checkup("warn", "the broker does not report the configuration of topics; check it manually")


def _advice(found: int, wanted: int) -> str:
    if found < wanted:
        return f"set WATCHKEEPER_PARTITIONS={found}"
    return f"nobody reads partitions {wanted} to {found - 1}; see docs/runbooks/PartitionsUnread.md"


def _configs(settings: Settings, names: list[str]) -> dict[str, dict[str, str]]:
    """Return the relevant configuration of each topic, as far as the broker reports it."""
    admin = admin_client(settings)
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    if not resources:
        return {}
    answers = admin.describe_configs(resources, request_timeout=_RESPONSE_SECONDS)
    configs = {}
    for resource, answer in answers.items():
        try:
            config = answer.result()
        except KafkaException:
            continue
        configs[resource.name] = {
            name: str(config[name].value)
            for name in ("cleanup.policy", _TIMES)
            if config.get(name) is not None
        }
    return {name: found for name, found in configs.items() if found}


def check_configuration(settings: Settings, there: ClusterMetadata) -> Iterator[Checkup]:
    """Check that the monitors and references on the topics are valid and fit together."""
    if any(topic_name(settings, name) not in there.topics for name in ("monitors", "references")):
        return
    configuration = read_configuration(settings)
    for place, why in configuration.broken.items():
        yield Checkup("fail", f"{place}: workers ignore it: {why}; apply it again")
    subjects = configuration.subjects()
    if not subjects:
        yield Checkup("warn", "nothing is monitored; run: watchkeeper apply FILE")
    for subject in subjects:
        watched = configuration.watched(subject)
        if watched is not None:
            yield _check_subject(subject, watched.latest)
    for subject in configuration.unwatched():
        yield Checkup(
            "warn", f"{subject}: has a reference but no monitor; apply a monitor, or remove the subject"
        )
    if subjects:
        yield _check_series(settings, configuration)


def _check_subject(subject: str, watched: Watched) -> Checkup:
    wanted = watched.monitor.reference
    if not watched.references:
        advice = "run: watchkeeper reference build" if wanted else "build one to detect drift"
        return Checkup("warn", f"{subject}: is monitored without a reference; {advice}")
    for version, reference in watched.references.items():
        known = {*reference.binning.numbers, *reference.binning.categories}
        if lacking := [name for name in watched.monitor.features if name not in known]:
            names = ", ".join(lacking[:_NAMED_MAX]) + (", …" if len(lacking) > _NAMED_MAX else "")
            key = reference_key(subject, version)
            return Checkup("warn", f"{subject}: the reference {key} does not have {names}; build it again")
    rows = sum(reference.rows for reference in watched.references.values())
    features = len(watched.monitor.features)
    return Checkup("ok", f"{subject}: {features} features, {rows} rows in the reference")


def _check_series(settings: Settings, configuration: Configuration) -> Checkup:
    subjects = configuration.subjects()
    watched = [configuration.watched(subject) for subject in subjects]
    series = sum(series_count(each.latest) for each in watched if each is not None)
    bound = series_bound(settings.partitions, len(subjects), settings.max_series)
    what = (
        f"about {series} series of statistics for each version, with a limit of {settings.max_series}; "
        f"a worker exposes at most {bound.total} series, {bound.own} of them about itself"
    )
    if series <= settings.max_series:
        return Checkup("ok", what)
    return Checkup("warn", f"{what}; declare fewer segments, or raise WATCHKEEPER_MAX_SERIES")


def series_count(watched: Watched) -> int:
    """Estimate the Prometheus series of one version from a window like the reference, for each segment."""
    from watchkeeper.detectors.checks.judge_rows import (  # imports scipy, which no other command needs
        judge_labels,
        judge_rows,
    )

    monitor, reference, layout = watched.monitor, watched.reference(None), watched.layout(None)
    rows = reference_rows(reference, None) or RowsProfile.empty(layout)
    count = len(judge_rows(monitor, layout, reference, rows, None, None).statistics)
    labels = reference_labels(reference, None)
    if monitor.labels is not None and labels is not None:
        count += len(judge_labels(monitor, layout, reference, labels, None).statistics)
    return count * (1 + (len(reference.segments) if reference else 0))
