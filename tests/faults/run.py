"""Runs one schedule: workers, a stream, faults, and at the end the comparison with the oracle."""

import contextlib
import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka.admin import AdminClient

from tests.alertmanager import RealAlertmanager, installed_alertmanager
from tests.faults.cluster import Cluster
from tests.faults.fleet import Fleet, wrong_clock
from tests.faults.mishaps import Mishaps, miscounted, untold
from tests.faults.neighbours import NEIGHBOURS
from tests.faults.oracle import EVENTS, Difference, Outcome, compare, expect, found
from tests.faults.publisher import Publisher
from tests.faults.receiver import Webhook
from tests.faults.recovery import THE_END, Places, Recoveries, Recovery
from tests.faults.schedule import PUBLISHERS, RECEIVER, SAVES, STREAM, TRAFFIC, WORKER, Fault, Schedule, draw
from tests.faults.stream import ALERTS_AT_LEAST, MONITORS
from tests.faults.worker import PLANT
from watchkeeper.schemas.alerts import Alert
from watchkeeper.streams.kafka.client import producer, read_to_end
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import TOPICS, create_topics, topic_name

SECONDS = 22.0
"""How long the stream is published. Faults happen in this time."""
START_SECONDS = 300.0
"""How long the first workers may take to join their group. On an idle machine all waits end in seconds."""
FINISH_SECONDS = 600.0
"""How long the workers may take to fold the rest after the stream has ended."""
NOTIFIED_SECONDS = 300.0
"""How long all notifications may take: longer than a notification needs to repeat, and to expire."""
TOLD_SECONDS = 90.0
"""How long on-call may wait to be told of a publisher's fault after the stream has ended."""
INTERNAL = ("profiles", "findings", "alerts")
FEWEST_WORKERS, MOST_WORKERS = 1, 4
PARTITIONS = 4
WATCHED = [*MONITORS, *NEIGHBOURS]


class Result(NamedTuple):
    """The result of one schedule."""

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
        """The longest time after a fault until everything published before it was saved."""
        return max((each.seconds for each in self.recoveries), default=0.0)

    @property
    def settled_seconds(self) -> float:
        """Time from the last fault until everything was saved."""
        return next((each.seconds for each in self.recoveries if each.what == THE_END), 0.0)

    @property
    def ok(self) -> bool:
        """Whether the run equals the oracle and had no other problem."""
        return self.difference.is_none and not self.troubles


class Scene(Mishaps):
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
        """Wait."""
        self._began = time.monotonic()

    def lane(self, faults: list[Fault]) -> None:
        """Inject the faults of one lane, each at its time."""
        for fault in faults:
            time.sleep(max(0.0, self._began + fault.at_seconds - time.monotonic()))
            try:
                if getattr(self, f"_{fault.kind}")(fault) is not False:
                    self.happened[fault.kind] += 1
                    self.recoveries.expect(str(fault), self.publisher.ends())
            except Exception as error:
                self.fleet.troubles.append(f"{fault} could not be injected: {error!r}")

    def finish(self) -> None:
        """Wait for faults that outlast their lane."""
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
        self.cluster.proxy.send("refuse")
        time.sleep(fault.for_seconds)
        self.cluster.proxy.send("clear")

    def _slow(self, fault: Fault) -> None:
        self.cluster.proxy.send(f"slow {fault.how}")
        time.sleep(fault.for_seconds)
        self.cluster.proxy.send("clear")

    def _cut(self, fault: Fault) -> None:
        self.cluster.proxy.send("cut")

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


def run(
    cluster: Cluster, seed: int, folder: Path, plant: str | None = None, kinds: Collection[str] = ()
) -> Result:
    """Run one schedule on running brokers.

    Args:
        cluster: The brokers.
        seed: The seed of the schedule and of the stream.
        folder: For the logs of the workers.
        plant: A bug to plant in the workers.
        kinds: Only these kinds of faults; empty for all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = scene_settings(cluster, "faults", session_timeout_seconds=3, checkpoint_seconds=0.5)
    inside = settings.model_copy(update={"broker": cluster.inside})
    create_topics(inside)
    try:
        possible = [kind for kind in _possible(cluster) if not kinds or kind in kinds]
        return _run(cluster, settings, inside, draw(seed, SECONDS, possible), folder, plant)
    finally:
        cluster.heal()
        _delete_topics(inside)


def scene_settings(cluster: Cluster, application: str, **more: Any) -> Settings:
    """Return the settings of a separate installation. No partition in it becomes idle."""
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
    """Return its workers, none of them started."""
    return Fleet(
        settings,
        folder,
        WATCHKEEPER_ALERTMANAGERS=alertmanager.url,
        WATCHKEEPER_ALERTMANAGER_HOLD_SECONDS="6",
        **more,
    )


def _possible(cluster: Cluster) -> list[str]:
    kinds = {*WORKER, *SAVES, *STREAM, *RECEIVER, *PUBLISHERS, *TRAFFIC, *cluster.faults}
    if cluster.kind == "embedded":
        kinds.discard("clock_ahead")  # without the broker's time, the clocks of workers decide, and they jump
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
                "workers did not start"
            )
            scene.begin()
            threads = [threading.Thread(target=scene.lane, args=[lane]) for lane in schedule.lanes]
            for thread in threads:
                thread.start()
            threads.append(scene.publisher.thread)
            scene.publisher.thread.start()
            for thread in threads:
                thread.join()
            scene.finish()
            cluster.heal()
            if not fleet.alive():
                fleet.start()
            _wait(scene, inside)
            expected = expect(inside, WATCHED)
            wait_until(lambda: not untold(scene.happened, found(inside)), TOLD_SECONDS)
            wait_until(lambda: _all_notified(webhook, expected), NOTIFIED_SECONDS)
            fleet.alive()
            fleet.stop_all()
    outcome = found(inside)
    troubles = [*fleet.troubles, *alert_troubles(expected, webhook)]
    troubles += [*untold(scene.happened, outcome), *miscounted(scene.happened, outcome)]
    return Result(
        schedule,
        sum(scene.publisher.published.values()),
        scene.happened,
        scene.recoveries.seen,
        time.monotonic() - began,
        fleet.slowest_stop_seconds,
        compare(outcome, expected),
        troubles,
        folder,
    )


def apply(settings: Settings) -> None:
    """Apply the monitors of the stream."""
    sender = producer(settings)
    for monitor in WATCHED:
        sender.produce(topic_name(settings, "monitors"), monitor.model_dump_json(), monitor.subject)
    assert sender.flush(30) == 0


def _wait(scene: Scene, inside: Settings) -> None:
    """Wait until the group has saved all events, and all records between stages."""

    def is_done() -> bool:
        scene.fleet.alive()
        return scene.recoveries.reached(events) and scene.recoveries.reached(ends(inside, INTERNAL))

    events = ends(inside, EVENTS)
    scene.recoveries.expect(THE_END, events)
    if not wait_until(is_done, FINISH_SECONDS):
        for worker in scene.fleet.alive():
            worker.save_pages()
        behind = {
            place: (end, scene.recoveries.committed().get((topic_name(inside, place[0]), place[1])))
            for place, end in (events | ends(inside, INTERNAL)).items()
        }
        scene.fleet.troubles.append(f"not done after {FINISH_SECONDS:g} s: {behind}")


def ends(settings: Settings, topics: Sequence[str]) -> Places:
    """Return the offset after the last record of each partition that is not empty."""
    found = {}
    for topic in topics:
        for number in range(settings.partitions):
            for message in read_to_end(settings, topic_name(settings, topic), number, -2001):
                found[topic, number] = (message.offset() or 0) + 1
    return found


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for a condition. Return whether it came true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def _episodes(expected: Outcome) -> dict[str, int]:
    """Return how often each resolved alert was raised, by its labels."""
    alerts = [Alert.model_validate_json(value) for value in expected.outputs["alerts"]]
    assert len({alert.fingerprint for alert in alerts}) >= ALERTS_AT_LEAST, "the stream raised no incidents"
    raised = Counter(json.dumps(a.labels, sort_keys=True) for a in alerts if a.status == "resolved")
    return dict(raised)


def _all_notified(webhook: Webhook, expected: Outcome) -> bool:
    return not alert_troubles(expected, webhook)


def alert_troubles(expected: Outcome, webhook: Webhook) -> list[str]:
    """Check that on-call was notified once that each alert fires and once that it is resolved.

    Alertmanager may merge an alert that fires again within seconds. Then on-call is notified at least once,
    and at most as often as the alert was raised.
    """
    notified = webhook.episodes()
    troubles = []
    for labels, times in _episodes(expected).items():
        fired, resolved = (sum(each[s] for each in notified.get(labels, [])) for s in ("firing", "resolved"))
        if not 1 <= fired == resolved <= times:
            troubles.append(
                f"on-call was notified {fired} times of {times}, of its end {resolved} times: {labels}"
            )
    return troubles


def _delete_topics(settings: Settings) -> None:
    admin = AdminClient(settings.client_config())
    names = [topic_name(settings, name) for name in TOPICS]
    for deleted in admin.delete_topics(names, operation_timeout=20).values():
        with contextlib.suppress(Exception):
            deleted.exception(20)
