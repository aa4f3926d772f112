"""One model or feature view: what fires, its data, its drift, its performance, by version and by segment."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.fleet import PERFORMANCE
from dashboards.parts import ANY_IS_BAD, Panel, Query, firing, lines, number, page, query_variable

WHOLE = 'subject="$subject", version=~"$version", segment=""'
FEATURES = f'{WHOLE}, feature=~"$feature"'
SHARE_STEPS = [(None, "transparent"), (0.05, "orange"), (0.2, "red")]


def model() -> Dashboard:
    """Return the dashboard."""
    return page(
        "watchkeeper-model",
        "Watchkeeper: one model",
        "Read from above: what fires, whether its data are whole, whether they moved, whether it does worse.",
        'sum by (alertname, severity, subject) (watchkeeper_alerts_firing{subject="$subject"}) > 0',
        [
            query_variable("subject", "Model", "label_values(watchkeeper_statistic, subject)", several=False),
            query_variable(
                "version", "Version", 'label_values(watchkeeper_statistic{subject="$subject"}, version)'
            ),
            query_variable(
                "feature", "Feature", 'label_values(watchkeeper_statistic{subject="$subject"}, feature)'
            ),
            query_variable(
                "part", "Segment", 'label_values(watchkeeper_statistic{subject="$subject"}, segment)'
            ),
        ],
        [
            ("Now", _now()),
            ("Are the data whole?", _quality()),
            ("Did anything move?", _drift()),
            ("Does it do worse?", _performance()),
            ("By version and segment", _parts()),
        ],
        span="now-24h",
    )


def _of(statistic: str, legend: str = "{{feature}} {{version}}", where: str = FEATURES) -> Query:
    return f'watchkeeper_statistic{{{where}, statistic="{statistic}"}}', legend


def _now() -> list[Panel]:
    return [
        number(
            "Critical",
            "Alerts of this model that wake somebody.",
            'sum(watchkeeper_alerts_firing{subject="$subject", severity="critical"}) or vector(0)',
            steps=ANY_IS_BAD,
        ),
        number(
            "Rows",
            "Rows of the newest window.",
            f'sum(watchkeeper_statistic{{{WHOLE}, kind!="labels", statistic="rows"}})',
        ),
        number(
            "Missing, worst feature",
            "Share of rows without the value.",
            'max(subject_version:watchkeeper_missing_ratio:max{subject="$subject", version=~"$version"})',
            "percentunit",
            [(None, "green"), (0.05, "orange"), (0.2, "red")],
        ),
        number(
            "Drift, worst feature",
            "PSI beyond what chance does.",
            'max(subject_version:watchkeeper_psi_excess:max{subject="$subject", version=~"$version"})',
            steps=[(None, "green"), (0.1, "orange"), (0.25, "red")],
        ),
        number(
            "Labels",
            "Labels of the newest window that met their prediction; none: performance is not known.",
            f'sum(watchkeeper_statistic{{{WHOLE}, kind="labels", statistic="rows"}})',
        ),
        number(
            "Pages beside the budget",
            "Pages that began in the budget's time, over how many of them may be false. If most of them are, "
            "their evidence says which check to mend; false_pages.at_most sets all thresholds.",
            'watchkeeper_budget_period_pages{subject="$subject"} '
            '/ watchkeeper_budget_false_pages{subject="$subject"}',
        ),
        firing(
            "What fires now",
            "Labels say which alert it is; the page says since when, how bad, what to do.",
            'sum by (alertname, severity, subject) (watchkeeper_alerts_firing{subject="$subject"}) > 0',
        ),
    ]


def _quality() -> list[Panel]:
    return [
        lines(
            "Missing",
            "FeatureMissing: share of rows without the value.",
            _of("missing_ratio"),
            unit="percentunit",
            steps=SHARE_STEPS,
        ),
        lines(
            "Of another type, out of range, unseen",
            "FeatureWrongType, FeatureOutOfRange, FeatureUnseenCategory.",
            _of("wrong_type_ratio", "{{feature}} type"),
            _of("out_of_range_ratio", "{{feature}} range"),
            _of("unseen_ratio", "{{feature}} unseen"),
            unit="percentunit",
            steps=SHARE_STEPS,
        ),
        lines("Means", "FeatureUnitChange and FeatureStuck show here first.", _of("mean")),
        lines(
            "Late and duplicate",
            "They are in no other number of this page.",
            _of("late_rows", "late rows {{version}}", WHOLE),
            _of("duplicate_ratio", "duplicates {{version}}", WHOLE),
        ),
        lines(
            "Serving latency",
            "LatencyHigh.",
            _of("latency_p50_ms", "half {{version}}", WHOLE),
            _of("latency_p95_ms", "95 % {{version}}", WHOLE),
            _of("latency_p99_ms", "99 % {{version}}", WHOLE),
            unit="ms",
        ),
        lines("Rows", "VolumeChange and StreamSilent.", _of("rows", "{{kind}} {{version}}", WHOLE)),
    ]


def _drift() -> list[Panel]:
    return [
        lines(
            "PSI beyond chance",
            "FeatureDrift: distance from the reference, less what chance does at this size.",
            _of("psi_excess"),
            steps=[(None, "transparent"), (0.1, "orange"), (0.25, "red")],
        ),
        lines(
            "Jensen-Shannon distance",
            "0 is the same, 1 is disjoint; comparable between features.",
            _of("jensen_shannon"),
        ),
        lines(
            "Output",
            "PredictionDrift: PSI of the model's output beyond chance, and its mean.",
            _of("prediction_psi_excess", "PSI {{version}}", WHOLE),
            _of("prediction_mean", "mean {{version}}", WHOLE),
        ),
        lines(
            "Online detectors",
            "The highest score of any detector since the window before; 1 is an alarm.",
            _of("detector_score", "{{feature}} {{kind}} {{version}}"),
            steps=[(None, "transparent"), (1, "orange")],
        ),
    ]


def _performance() -> list[Panel]:
    return [
        lines(
            "Performance",
            "ModelPerformanceDegraded: measured on the labels that came.",
            (
                f'watchkeeper_statistic{{{WHOLE}, kind="labels", statistic=~"{PERFORMANCE}"}}',
                "{{statistic}} {{version}}",
            ),
        ),
        lines(
            "Labels",
            "LabelsLate: how many came, and how many came after their window had closed.",
            _of("rows", "labels {{version}}", f'{WHOLE}, kind="labels"'),
            _of("late_labels", "late {{version}}", WHOLE),
        ),
        lines(
            "From prediction to label",
            "Performance is known no sooner.",
            _of("label_lag_p50_ms", "half {{version}}", WHOLE),
            _of("label_lag_p95_ms", "95 % {{version}}", WHOLE),
            unit="ms",
        ),
        lines(
            "Positives",
            "Share of positives among labels: what is true; compare with the mean of the output.",
            _of("positive_ratio", "true {{version}}", WHOLE),
            _of("prediction_mean", "predicted {{version}}", WHOLE),
            unit="percentunit",
        ),
    ]


def _parts() -> list[Panel]:
    of_part = 'subject="$subject", version=~"$version", segment=~"$part", segment!=""'
    return [
        lines(
            "Rows by version",
            "A rollout, or a rollback.",
            (
                (
                    'sum by (version) (watchkeeper_statistic{subject="$subject", segment="", kind!="labels", '
                    'statistic="rows"})'
                ),
                "{{version}}",
            ),
        ),
        lines(
            "Rows by segment",
            "The 50 largest.",
            (
                f'sum by (segment) (watchkeeper_statistic{{{of_part}, kind!="labels", statistic="rows"}})',
                "{{segment}}",
            ),
        ),
        lines(
            "Drift by segment",
            "The feature that moved furthest in each segment.",
            (f'max by (segment) (watchkeeper_statistic{{{of_part}, statistic="psi_excess"}})', "{{segment}}"),
            steps=[(None, "transparent"), (0.1, "orange"), (0.25, "red")],
        ),
        lines(
            "Missing by segment",
            "The feature that is missing most often in each segment.",
            (
                f'max by (segment) (watchkeeper_statistic{{{of_part}, statistic="missing_ratio"}})',
                "{{segment}}",
            ),
            unit="percentunit",
            steps=SHARE_STEPS,
        ),
    ]
