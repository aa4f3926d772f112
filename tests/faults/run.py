"""Runs one schedule: workers, a stream, faults on top of it, and the oracle at the end."""

import contextlib
import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka.admin import AdminClient

from tests.alertmanager import RealAlertmanager, installed_alertmanager
from tests.faults.cluster import Cluster
from tests.faults.fleet import Fleet, wrong_clock
from tests.faults.oracle import EVENTS, Difference, Outcome, compare, expect, found
from tests.faults.publisher import Publisher
from tests.faults.receiver import Webhook
from tests.faults.recovery import THE_END, Places, Recoveries, Recovery
from tests.faults.schedule import RECEIVER, SAVES, STREAM, WORKER, Fault, Schedule, draw
from tests.faults.stream import ALERTS_AT_LEAST, MONITORS
from tests.faults.worker import PLANT
from watchkeeper.schemas.alerts import Alert
from watchkeeper.streams.kafka.client import producer, read_to_end
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import TOPICS, create_topics, topic_name

SECONDS = 22.0
"""How long the stream is published; faults happen in this time."""
START_SECONDS = 300.0
"""How long the first workers have to join their group; on a quiet machine all waits end in seconds."""
FINISH_SECONDS = 600.0
"""How long the workers have afterwards to fold all that there is."""
TOLD_SECONDS = 300.0
"""How long on-call's end has to hear all: longer than a notice takes to repeat, and to expire."""
INTERNAL = ("profiles", "findings", "alerts")
FEWEST_WORKERS, MOST_WORKERS = 1, 4
PARTITIONS = 4


class Result(NamedTuple):
    """What one schedule came to."""

    schedule: Schedule
    events: int
    happened: Counter[str]
    recoveries: list[Recovery]
    seconds: float
    slowest_stop_seconds: float
    difference: Difference
    troubles: list[str]
    folder: Path

    @property
    def worst_recovery_seconds(self) -> float:
        """The longest it took, with other faults still to come, until all of before a fault was saved."""
        return max((each.seconds for each in self.recoveries), default=0.0)

    @property
    def settled_seconds(self) -> float:
        """How long after the last fault everything was saved."""
        return next((each.seconds for each in self.recoveries if each.what == THE_END), 0.0)

    @property
    def ok(self) -> bool:
        """Whether the run equals the oracle, and nothing else was wrong."""
        return self.difference.is_none and not self.troubles


class Scene:
    """Everything that runs during one schedule."""

    def __init__(
        self, cluster: Cluster, settings: Settings, fleet: Fleet, alertmanager: RealAlertmanager, seed: int
    ) -> None:
        self.cluster = cluster
        self.fleet = fleet
        self.publisher = Publisher(settings, seed, SECONDS)
        self.recoveries = Recoveries(settings.model_copy(update={"broker": cluster.inside}))
        self.happened: Counter[str] = Counter()
        self._alertmanager = alertmanager
        self._ending: list[threading.Timer] = []
        self._began = 0.0

    def begin(self) -> None:
        """Let time run."""
        self._began = time.monotonic()

    def lane(self, faults: list[Fault]) -> None:
        """Let the faults of one lane happen, each at its time."""
        for fault in faults:
            time.sleep(max(0.0, self._began + fault.at_seconds - time.monotonic()))
            try:
                if getattr(self, f"_{fault.kind}")(fault) is not False:
                    self.happened[fault.kind] += 1
                    self.recoveries.expect(str(fault), self.publisher.ends())
            except Exception as error:
                self.fleet.troubles.append(f"{fault} could not be made: {error!r}")

    def finish(self) -> None:
        """Wait for faults that last beyond their lane."""
        for timer in self._ending:
            timer.join()

    def _killed(self, fault: Fault) -> bool | None:
        worker = self.fleet.pick(fault.who)
        if worker is not None:
            self.fleet.kill(worker)
        self.fleet.start()
        return worker is not None

    def _frozen(self, fault: Fault) -> bool | None:
        worker = self.fleet.pick(fault.who, frozen=False)
        if worker is None:
            return False
        worker.freeze(True)
        timer = threading.Timer(fault.for_seconds, worker.freeze, [False])
        timer.start()
        self._ending.append(timer)
        return None

    def _frozen_in_save(self, fault: Fault) -> bool | None:
        worker = self.fleet.pick(fault.who, frozen=False)
        if worker is None or not worker.freeze_in_save():
            return False
        timer = threading.Timer(fault.for_seconds, worker.freeze, [False])
        timer.start()
        self._ending.append(timer)
        return None

    def _stopped(self, fault: Fault) -> bool | None:
        worker = self.fleet.pick(fault.who, frozen=False)
        if worker is None:
            return False
        self.fleet.start()
        stopping = threading.Timer(0, self.fleet.stop, [worker])
        stopping.start()
        self._ending.append(stopping)
        return None

    def _added(self, fault: Fault) -> bool | None:
        if len(self.fleet.alive()) >= MOST_WORKERS:
            return False
        self.fleet.start()
        return None

    def _removed(self, fault: Fault) -> bool | None:
        worker = self.fleet.pick(fault.who, frozen=False)
        if worker is None or len(self.fleet.alive()) <= FEWEST_WORKERS:
            return False
        stopping = threading.Timer(0, self.fleet.stop, [worker])
        stopping.start()
        self._ending.append(stopping)
        return None

    def _clock(self, fault: Fault) -> bool | None:
        worker = self.fleet.pick(fault.who)
        if worker is None:
            return False
        worker.jump(fault.how)
        return None

    def _broker_killed(self, fault: Fault) -> None:
        number = fault.who % self.cluster.replication
        self.cluster.kill(number)
        time.sleep(fault.for_seconds)
        self.cluster.start(number)

    def _broker_frozen(self, fault: Fault) -> None:
        number = fault.who % self.cluster.replication
        self.cluster.freeze(number, True)
        time.sleep(fault.for_seconds)
        self.cluster.freeze(number, False)

    def _disk_full(self, fault: Fault) -> None:
        number = fault.who % self.cluster.replication
        self.cluster.fill_disk(number)
        time.sleep(2)
        self.cluster.free_disk(number)
        self.cluster.start(number)

    def _outage(self, fault: Fault) -> None:
        self.cluster.proxy.tell("refuse")
        time.sleep(fault.for_seconds)
        self.cluster.proxy.tell("clear")

    def _slow(self, fault: Fault) -> None:
        self.cluster.proxy.tell(f"slow {fault.how}")
        time.sleep(fault.for_seconds)
        self.cluster.proxy.tell("clear")

    def _cut(self, fault: Fault) -> None:
        self.cluster.proxy.tell("cut")

    def _poison(self, fault: Fault) -> None:
        self.publisher.poison()

    def _repeats(self, fault: Fault) -> None:
        self.publisher.repeat()

    def _stall(self, fault: Fault) -> None:
        self.publisher.stall(fault.for_seconds)

    def _alertmanager_down(self, fault: Fault) -> None:
        self._alertmanager.stop()
        time.sleep(fault.for_seconds)
        self._alertmanager.start()


def run(cluster: Cluster, seed: int, folder: Path, plant: str | None = None) -> Result:
    """Run one schedule against brokers that are up, and leave them up; `plant` is put in the workers."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = scene_settings(cluster, "faults", session_timeout_seconds=3, checkpoint_seconds=0.5)
    inside = settings.model_copy(update={"broker": cluster.inside})
    create_topics(inside)
    try:
        return _run(cluster, settings, inside, draw(seed, SECONDS, _possible(cluster)), folder, plant)
    finally:
        cluster.heal()
        _delete_topics(inside)


def scene_settings(cluster: Cluster, application: str, **more: Any) -> Settings:
    """Return the settings of one installation of its own; nothing in it closes because nobody publishes."""
    return Settings(
        broker=cluster.address,
        application=application,
        topic_prefix=f"{uuid.uuid4().hex[:8]}.",
        partitions=PARTITIONS,
        replication=cluster.replication,
        idle_seconds=3600,
        **more,
    )


def scene_fleet(settings: Settings, folder: Path, alertmanager: RealAlertmanager, **more: str) -> Fleet:
    """Return the workers of it; none has been started."""
    return Fleet(
        settings,
        folder,
        WATCHKEEPER_ALERTMANAGERS=alertmanager.url,
        WATCHKEEPER_ALERTMANAGER_HOLD_SECONDS="6",
        **more,
    )


def _possible(cluster: Cluster) -> list[str]:
    kinds = {*WORKER, *SAVES, *STREAM, *RECEIVER, *cluster.faults}
    return sorted(kinds - (set() if wrong_clock() else {"clock"}))


def _run(
    cluster: Cluster,
    settings: Settings,
    inside: Settings,
    schedule: Schedule,
    folder: Path,
    plant: str | None,
) -> Result:
    began = time.monotonic()
    apply(inside)
    webhook = Webhook()
    with installed_alertmanager(folder, webhook.url) as alertmanager:
        fleet = scene_fleet(settings, folder, alertmanager, **({PLANT: plant} if plant else {}))
        scene = Scene(cluster, settings, fleet, alertmanager, schedule.seed)
        with contextlib.closing(fleet), contextlib.closing(scene.recoveries), contextlib.closing(webhook):
            fleet.start()
            fleet.start()
            assert wait_until(lambda: all(w.joined() for w in fleet.alive()), START_SECONDS), (
                "workers do not start"
            )
            scene.begin()
            threads = [scene.publisher.thread]
            threads += [threading.Thread(target=scene.lane, args=[lane]) for lane in schedule.lanes]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            scene.finish()
            cluster.heal()
            if not fleet.alive():
                fleet.start()
            _wait(scene, inside)
            expected = expect(inside, MONITORS)
            wait_until(lambda: _all_told(webhook, expected), TOLD_SECONDS)
            fleet.alive()
            fleet.stop_all()
    troubles = [*fleet.troubles, *alert_troubles(expected, webhook)]
    return Result(
        schedule,
        sum(scene.publisher.published.values()),
        scene.happened,
        scene.recoveries.seen,
        time.monotonic() - began,
        fleet.slowest_stop_seconds,
        compare(found(inside), expected),
        troubles,
        folder,
    )


def apply(settings: Settings) -> None:
    """Put the monitors of the stream in force."""
    sender = producer(settings)
    for monitor in MONITORS:
        sender.produce(topic_name(settings, "monitors"), monitor.model_dump_json(), monitor.subject)
    assert sender.flush(30) == 0


def _wait(scene: Scene, inside: Settings) -> None:
    """Wait until the group has saved all events, and all that the stages have told each other."""

    def is_done() -> bool:
        scene.fleet.alive()
        return scene.recoveries.reached(events) and scene.recoveries.reached(ends(inside, INTERNAL))

    events = ends(inside, EVENTS)
    scene.recoveries.expect(THE_END, events)
    if not wait_until(is_done, FINISH_SECONDS):
        for worker in scene.fleet.alive():
            worker.tell()
        behind = {
            place: (end, scene.recoveries.committed().get((topic_name(inside, place[0]), place[1])))
            for place, end in (events | ends(inside, INTERNAL)).items()
        }
        scene.fleet.troubles.append(f"not done after {FINISH_SECONDS:g} s: {behind}")


def ends(settings: Settings, topics: Sequence[str]) -> Places:
    """Return the offset after the last record of each partition that has any."""
    found = {}
    for topic in topics:
        for number in range(settings.partitions):
            for message in read_to_end(settings, topic_name(settings, topic), number, -2001):
                found[topic, number] = (message.offset() or 0) + 1
    return found


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for a condition; return whether it came."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def _episodes(expected: Outcome) -> dict[str, int]:
    """Return how often each alert that is over by now was raised, by its labels."""
    alerts = [Alert.model_validate_json(value) for value in expected.said["alerts"]]
    assert len({alert.fingerprint for alert in alerts}) >= ALERTS_AT_LEAST, (
        "the stream has lost its incidents"
    )
    raised = Counter(json.dumps(a.labels, sort_keys=True) for a in alerts if a.status == "resolved")
    return dict(raised)


def _all_told(webhook: Webhook, expected: Outcome) -> bool:
    return not alert_troubles(expected, webhook)


def alert_troubles(expected: Outcome, webhook: Webhook) -> list[str]:
    """On-call must have been told of each alert once that it fires and once that it is over.

    Of one that comes again within seconds Alertmanager may make one: then at least once, and no more often
    than it was raised.
    """
    told = webhook.episodes()
    troubles = []
    for labels, times in _episodes(expected).items():
        fired, resolved = (sum(each[s] for each in told.get(labels, [])) for s in ("firing", "resolved"))
        if not 1 <= fired == resolved <= times:
            troubles.append(
                f"on-call was told {fired} times of {times}, {resolved} times that it is over: {labels}"
            )
    return troubles


def _delete_topics(settings: Settings) -> None:
    admin = AdminClient(settings.client_config())
    names = [topic_name(settings, name) for name in TOPICS]
    for deleted in admin.delete_topics(names, operation_timeout=20).values():
        with contextlib.suppress(Exception):
            deleted.exception(20)
