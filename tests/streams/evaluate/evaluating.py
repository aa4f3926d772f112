"""Makes panes and watermarks as ingest would, and reads what evaluate says."""

from collections import defaultdict

import msgspec
import numpy as np

from watchkeeper.detectors.checks.build_reference import build_reference
from watchkeeper.detectors.checks.judge_account import ACCOUNT_CHECKS
from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.detectors.tasks import labels_of
from watchkeeper.schemas.findings import WindowFindings
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.profiles import Pane, Watermark
from watchkeeper.schemas.statistics import WindowStatistics
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.config.timeline import Timeline
from watchkeeper.streams.evaluate.stage import EvaluateFold
from watchkeeper.streams.fold.protocol import Record

MINUTE = 60_000
START = 1_700_000_000_000 // (60 * MINUTE) * 60 * MINUTE
SOURCES = ["ingest/0", "ingest/1"]
ORIGINS = ("EWR", "JFK")


def monitor(**changes):
    return Monitor.model_validate(
        {
            "model": "delay", "owner": {"team": "ops"}, "task": "binary-classification",
            "features": {"temp": {"type": "number"}, "sky": {"type": "category"}},
            "segments": ["origin"],
            "windows": {"pane": "PT1M", "size": "PT5M", "lateness": "PT0S"},
            "labels": {
                "expected_within": "PT10M", "min_labels": 20, "metrics": {"log_loss": {"worse_by": 0.1}},
            },
        }
        | changes
    )  # fmt: skip


def rows(rng, n, mean=50.0, missing=0.0):
    """Make rows with a calibrated score."""
    temp = rng.normal(mean, 10, (1, n))
    temp[:, rng.random(n) < missing] = np.nan
    sky = rng.choice(["clear", "rain"], n).tolist()
    return Columns(n, temp, [sky], scores=rng.random(n), latency_ms=rng.gamma(5, 10, n))


def watched(seed=1, rows_per_min=None, **changes):
    """Make a monitor with a reference; it knows how windows vary if told how many rows a minute had."""
    rng, of = np.random.default_rng(seed), monitor(**changes)
    columns = rows(rng, 4000)
    times_ms = None if rows_per_min is None else START + np.arange(4000.0) // rows_per_min * MINUTE
    origins = rng.choice(ORIGINS, 4000).tolist()
    labels = (rng.random(4000) < columns.scores).astype(float)
    return Watched(
        of,
        {
            None: build_reference(
                of, columns, {"origin": origins}, labels=labels, built_at_ms=7, times_ms=times_ms
            )
        },
    )


class Registry(dict):
    """Subject -> its revisions, or the only one."""

    def get(self, subject):
        """Return the revisions of a subject; the same object until it is replaced."""
        if subject in self and not isinstance(self[subject], Timeline):
            self[subject] = Timeline(self[subject])
        return super().get(subject)


def registry(of=None):
    of = watched() if of is None else of
    return Registry({of.monitor.subject: of})


def rows_panes(of, columns, at_min, version="1", segments=True, late=0):
    """Make the panes of one source and one minute."""
    layout = of.layout(version)
    halves = np.arange(columns.rows) % 2
    parts = {None: slice(None)}
    parts |= (
        {f"origin={name}": np.flatnonzero(halves == i) for i, name in enumerate(ORIGINS)} if segments else {}
    )
    start_ms = START + at_min * MINUTE
    panes = []
    for segment, index in parts.items():
        profile = RowsProfile.empty(layout)
        profile.add(columns if segment is None else columns.take(index))
        profile.late += late if segment is None else 0
        if profile.rows:
            profile.see_times(start_ms, start_ms + MINUTE - 1)
        kind = "predictions" if of.monitor.model else "features"
        panes.append(pane(of, version, segment, kind, start_ms, layout.id, profile.rows, profile.encode()))
    return panes


def labels_panes(of, scores, labels, at_min, version="1"):
    """Make the pane of labels of one source and one minute."""
    layout = of.layout(version)
    profile = labels_of(layout).empty(layout)
    profile.add(scores, labels, np.full(len(scores), 90_000.0))
    start_ms = START + at_min * MINUTE
    return [pane(of, version, None, "labels", start_ms, layout.id, profile.labels, profile.encode())]


def pane(of, version, segment, kind, start_ms, layout, n, profile):
    return Pane(of.monitor.subject, version, segment, kind, start_ms, start_ms + MINUTE, layout, n, profile)


def reached(source, at_min, kind="predictions", now_ms=0, subject="delay"):
    return Watermark(f"ingest/{source}", now_ms, {kind: {subject: START + at_min * MINUTE}}, {})


def idle(source, at_min=None, kind="predictions", now_ms=0, subject="delay"):
    time_ms = -(2**62) if at_min is None else START + at_min * MINUTE
    return Watermark(f"ingest/{source}", now_ms, {kind: {subject: time_ms}}, {kind: [subject]})


def beat(now_ms):
    """Let both sources say what time it is."""
    return [Watermark(source, now_ms, {}, {}) for source in SOURCES]


def fold(folding, *messages):
    """Fold messages and return what was said about windows, in order."""
    records = [Record(n, 0, None, msgspec.msgpack.encode(message)) for n, message in enumerate(messages)]
    folding.fold("profiles", records, 0)
    return said(folding)


def said(folding):
    told = []
    for message in folding.outputs():
        if message.topic == "statistics":
            told.append(msgspec.json.decode(message.value, type=WindowStatistics))
        else:
            assert message.topic == "findings"
            told.append(msgspec.msgpack.decode(message.value, type=WindowFindings))
        assert message.key == told[-1].subject.encode()
    return told


def evaluating(of=None):
    return EvaluateFold(registry(of), SOURCES)


def findings(told):
    return [each for each in told if isinstance(each, WindowFindings)]


def statistics(told, segment=None):
    return [each for each in told if isinstance(each, WindowStatistics) and each.segment == segment]


def value(window, name, feature=None):
    found = [each.value for each in window.statistics if (each.name, each.feature) == (name, feature)]
    assert len(found) <= 1, f"{name} of {feature} stands {len(found)} times in one window"
    return found[0] if found else None


def minutes(window):
    return ((window.window_start_ms - START) // MINUTE, (window.window_end_ms - START) // MINUTE)


def by_series(outputs):
    """Group raw outputs into the series whose order is promised."""
    series = defaultdict(list)
    for message in outputs:
        if message.topic == "statistics":
            told = msgspec.json.decode(message.value, type=WindowStatistics)
            series["statistics", told.subject, told.kind].append(message)
        else:
            told = msgspec.msgpack.decode(message.value, type=WindowFindings)
            if told.checked == [*ACCOUNT_CHECKS]:
                continue  # judged by the clock, over whatever was read by then
            name = "silence" if told.checked == ["silent"] else "windows"
            series["findings", told.subject, told.kind, name].append(message)
    return series
