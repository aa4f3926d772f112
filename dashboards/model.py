"""One model or feature view: its alerts, data quality, drift and performance, by version and segment."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.fleet import PERFORMANCE
from dashboards.parts import ANY_IS_BAD, Panel, Query, firing, lines, number, page, query_variable

WHOLE = 'subject="$subject", version=~"$version", segment=""'
"""Selects the statistics of all rows of the chosen versions."""
FEATURES = f'{WHOLE}, feature=~"$feature"'
"""Selects the same for the chosen features."""
SHARE_STEPS = [(None, "transparent"), (0.05, "orange"), (0.2, "red")]
"""Colours of shares of bad values: from the default of `sensitivity.missing_ratio`, and from 20 %."""


def model() -> Dashboard:
    """Return the dashboard."""
    return page(
        "watchkeeper-model",
        "Watchkeeper: one model",
        "From top to bottom: firing alerts, data quality, drift, performance.",
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
            ("Is the data valid?", _quality()),
            ("Did anything drift?", _drift()),
            ("Does it perform worse?", _performance()),
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
            "Alerts about this model that wake on-call.",
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
            "PSI corrected for sample size.",
            'max(subject_version:watchkeeper_psi_excess:max{subject="$subject", version=~"$version"})',
            steps=[(None, "green"), (0.1, "orange"), (0.25, "red")],
        ),
        number(
            "Labels",
            "Joined labels of the newest window. Without labels, performance is unknown.",
            f'sum(watchkeeper_statistic{{{WHOLE}, kind="labels", statistic="rows"}})',
        ),
        number(
            "Pages beside the budget",
            "Pages in the span of the budget, per page that may be false. If most pages are false, "
            "their evidence shows which check to adjust. false_pages.at_most sets all thresholds.",
            'watchkeeper_budget_period_pages{subject="$subject"} '
            '/ watchkeeper_budget_false_pages{subject="$subject"}',
        ),
        firing(
            "What fires now",
            "Labels identify the alert. The page states since when it fires, how bad it is, and what to do.",
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
            "Wrong type, out of range, unseen",
            "FeatureWrongType, FeatureOutOfRange, FeatureUnseenCategory.",
            _of("wrong_type_ratio", "{{feature}} type"),
            _of("out_of_range_ratio", "{{feature}} range"),
            _of("unseen_ratio", "{{feature}} unseen"),
            unit="percentunit",
            steps=SHARE_STEPS,
        ),
        lines("Means", "FeatureUnitChange and FeatureStuck are visible here first.", _of("mean")),
        lines(
            "Late and duplicate",
            "No other number on this page includes these events.",
            _of("late_rows", "late rows {{version}}", WHOLE),
            _of("duplicate_ratio", "duplicates {{version}}", WHOLE),
        ),
        lines(
            "Serving latency",
            "LatencyHigh.",
            _of("latency_p50_ms", "median {{version}}", WHOLE),
            _of("latency_p95_ms", "95 % {{version}}", WHOLE),
            _of("latency_p99_ms", "99 % {{version}}", WHOLE),
            unit="ms",
        ),
        lines("Rows", "VolumeChange and StreamSilent.", _of("rows", "{{kind}} {{version}}", WHOLE)),
    ]


def _drift() -> list[Panel]:
    return [
        lines(
            "PSI, corrected",
            "FeatureDrift: distance from the reference, corrected for sample size.",
            _of("psi_excess"),
            steps=[(None, "transparent"), (0.1, "orange"), (0.25, "red")],
        ),
        lines(
            "Jensen-Shannon distance",
            "0: same as the reference. 1: disjoint. Comparable between features.",
            _of("jensen_shannon"),
        ),
        lines(
            "Output",
            "PredictionDrift: PSI of the model's output, corrected for sample size, and its mean.",
            _of("prediction_psi_excess", "PSI {{version}}", WHOLE),
            _of("prediction_mean", "mean {{version}}", WHOLE),
        ),
        lines(
            "Online detectors",
            "The highest score of any detector since the previous window. 1 is an alarm.",
            _of("detector_score", "{{feature}} {{kind}} {{version}}"),
            steps=[(None, "transparent"), (1, "orange")],
        ),
    ]


def _performance() -> list[Panel]:
    return [
        lines(
            "Performance",
            "ModelPerformanceDegraded: measured on the labels of each window.",
            (
                f'watchkeeper_statistic{{{WHOLE}, kind="labels", statistic=~"{PERFORMANCE}"}}',
                "{{statistic}} {{version}}",
            ),
        ),
        lines(
            "Labels",
            "LabelsLate: number of labels, and of those that came after their pane had closed.",
            _of("rows", "labels {{version}}", f'{WHOLE}, kind="labels"'),
            _of("late_labels", "late {{version}}", WHOLE),
        ),
        lines(
            "From prediction to label",
            "Performance can't be known earlier.",
            _of("label_lag_p50_ms", "median {{version}}", WHOLE),
            _of("label_lag_p95_ms", "95 % {{version}}", WHOLE),
            unit="ms",
        ),
        lines(
            "Positives",
            "Share of positives among labels, and the mean of the output for comparison.",
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
            "Shows rollouts and rollbacks.",
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
            "The 50 largest segments.",
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
