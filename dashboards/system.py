"""Watchkeeper itself: whether it keeps up, saves and delivers, and what it costs."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.parts import ANY_IS_BAD, ANY_IS_ODD, Panel, lines, number, page

BEHIND = [(None, "transparent"), (60, "orange"), (120, "red")]
"""Colours of the age of checkpoints in seconds; red from where CheckpointOld fires."""


def system() -> Dashboard:
    """Return the dashboard."""
    return page(
        "watchkeeper-system",
        "Watchkeeper: the system",
        "From top to bottom: current faults, throughput, checkpoints and deliveries, cost.",
        'sum by (alertname, severity, subject) (watchkeeper_alerts_firing{severity="critical"}) > 0',
        [],
        [
            ("Now", _now()),
            ("Does it keep up?", _flow()),
            ("Does it save and deliver?", _delivery()),
            ("What does it cost?", _cost()),
        ],
    )


def _now() -> list[Panel]:
    return [
        number(
            "Workers",
            "WorkersAbsent, WorkerDown: workers that answer.",
            'sum(up{job="watchkeeper"})',
            steps=[(None, "red"), (1, "green")],
        ),
        number(
            "Waiting",
            "LagGrowing: waiting records of all stages.",
            "sum(stage_topic:watchkeeper_lag_records:sum)",
            steps=[(None, "green"), (100_000, "orange"), (1_000_000, "red")],
        ),
        number(
            "Oldest checkpoint",
            "CheckpointOld: time since the oldest last save of any stage.",
            "max(stage:watchkeeper_checkpoint_age_seconds:max)",
            "s",
            [(None, "green"), (60, "orange"), (120, "red")],
        ),
        number(
            "Not delivered",
            "NotificationsFailing: deliveries that failed or were refused in five minutes.",
            'sum(increase(watchkeeper_notifications_total{outcome!="delivered"}[5m]))',
            steps=ANY_IS_BAD,
        ),
        number(
            "Probe",
            "CanaryMissed: 1 if the last drift of the probe (watchkeeper canary) was not detected.",
            "max(watchkeeper_canary_missed)",
            steps=ANY_IS_BAD,
        ),
        number(
            "Broken monitors",
            "ConfigurationIgnored: records that workers ignore.",
            "max(watchkeeper_config_ignored_records)",
            steps=ANY_IS_ODD,
        ),
    ]


def _flow() -> list[Panel]:
    return [
        lines(
            "Events by topic",
            "EventsRejected, TopicSilent: events of each topic, by outcome.",
            ("topic_outcome:watchkeeper_events:rate1m", "{{topic}} {{outcome}}"),
            unit="ops",
        ),
        lines(
            "Waiting by stage",
            "LagGrowing: waiting records of each stage.",
            ("stage_topic:watchkeeper_lag_records:sum", "{{stage}} {{topic}}"),
        ),
        lines(
            "Rejected, by reason",
            "EventsRejected. `watchkeeper rejected list` lists the newest.",
            (
                "sum by (topic, reason) (rate(watchkeeper_rejected_total[$__rate_interval]))",
                "{{topic}} {{reason}}",
            ),
            unit="ops",
        ),
        lines(
            "Share rejected",
            "RejectedShareHigh pages the owner of a model, and at half of events without one, its team.",
            ("max by (topic) (watchkeeper_rejected_ratio)", "{{topic}}, last events"),
            ("topic:watchkeeper_events_rejected:ratio_rate10m", "{{topic}}, ten minutes"),
            unit="percentunit",
            steps=[(None, "transparent"), (0.05, "orange"), (0.5, "red")],
        ),
        lines(
            "Labels by outcome",
            "Orphaned: without a prediction. Evicted: forgotten for lack of room.",
            ("sum by (outcome) (rate(watchkeeper_labels_total[$__rate_interval]))", "{{outcome}}"),
            unit="ops",
        ),
        lines(
            "Event time",
            "How far closed panes are behind the clock. With old data this may be years.",
            ("time() - max by (kind) (watchkeeper_watermark_timestamp_seconds)", "{{kind}}"),
            unit="s",
        ),
        lines(
            "Last record",
            "PartitionSilent, TopicSilent: time since the last record of each input.",
            (
                "time() - max by (stage, topic) (watchkeeper_last_row_timestamp_seconds)",
                "{{stage}} {{topic}}",
            ),
            unit="s",
        ),
        lines(
            "Time to fold a chunk",
            "99th percentile.",
            (
                (
                    "histogram_quantile(0.99, sum by (stage, le) "
                    "(rate(watchkeeper_chunk_seconds_bucket[$__rate_interval])))"
                ),
                "{{stage}}",
            ),
            unit="s",
        ),
    ]


def _delivery() -> list[Panel]:
    return [
        lines(
            "Age of checkpoints",
            "CheckpointOld: time since the oldest last save of each stage.",
            ("stage:watchkeeper_checkpoint_age_seconds:max", "{{stage}}"),
            unit="s",
            steps=BEHIND,
        ),
        lines(
            "Time to save",
            "99th percentile.",
            (
                (
                    "histogram_quantile(0.99, sum by (stage, le) "
                    "(rate(watchkeeper_checkpoint_seconds_bucket[$__rate_interval])))"
                ),
                "{{stage}}",
            ),
            unit="s",
        ),
        lines(
            "Size of checkpoints",
            "Sum over all partitions of a stage.",
            ("sum by (stage) (watchkeeper_checkpoint_bytes)", "{{stage}}"),
            unit="bytes",
        ),
        lines(
            "Outputs",
            "Records that each stage sends to the next.",
            (
                "sum by (stage, topic) (rate(watchkeeper_outputs_total[$__rate_interval]))",
                "{{stage}} {{topic}}",
            ),
            unit="ops",
        ),
        lines(
            "Deliveries of alerts",
            "NotificationsFailing: deliveries by workers, by outcome.",
            (
                "sum by (receiver, outcome) (rate(watchkeeper_notifications_total[$__rate_interval]))",
                "{{receiver}} {{outcome}}",
            ),
            unit="ops",
        ),
        lines(
            "Alertmanager's own deliveries",
            "Deliveries to PagerDuty, Slack, webhooks and mail. Failed ones are separate series.",
            (
                "sum by (integration) (rate(alertmanager_notifications_total[$__rate_interval]))",
                "{{integration}}",
            ),
            (
                "sum by (integration) (rate(alertmanager_notifications_failed_total[$__rate_interval])) > 0",
                "{{integration}} failed",
            ),
            unit="ops",
        ),
        lines(
            "Alerts fired and resolved",
            "Totals by alert.",
            ("sum by (alertname, status) (watchkeeper_alerts_total)", "{{alertname}} {{status}}"),
        ),
        lines(
            "Rounds of the probe",
            "CanaryStalled, CanaryMissed: rounds of `watchkeeper canary`, by outcome.",
            ("sum by (outcome) (watchkeeper_canary_rounds_total)", "{{outcome}}"),
        ),
    ]


def _cost() -> list[Panel]:
    return [
        lines(
            "Processor",
            "1 is a whole core, the most that a worker uses.",
            ('rate(process_cpu_seconds_total{job=~"watchkeeper.*"}[$__rate_interval])', "{{instance}}"),
            unit="percentunit",
            steps=[(None, "transparent"), (0.9, "orange")],
            wide=8,
        ),
        lines(
            "Memory",
            "Resident memory of each process.",
            ('process_resident_memory_bytes{job=~"watchkeeper.*"}', "{{instance}}"),
            unit="bytes",
            wide=8,
        ),
        lines(
            "Series",
            "SeriesLimitReached: exposed statistics, and all series. `watchkeeper doctor` prints the limit.",
            ("count by (instance) (watchkeeper_statistic)", "{{instance}}"),
            ('sum by (instance) (scrape_samples_scraped{job="watchkeeper"})', "{{instance}} all"),
            wide=8,
        ),
        lines(
            "Dropped series",
            "SeriesLimitReached: series dropped in ten minutes.",
            ("sum by (instance) (increase(watchkeeper_statistic_series_dropped_total[10m]))", "{{instance}}"),
            wide=8,
        ),
        lines(
            "Starts",
            "WorkerRestarting: starts in an hour.",
            ('changes(process_start_time_seconds{job="watchkeeper"}[1h])', "{{instance}}"),
            wide=8,
        ),
        lines(
            "Versions",
            "Running versions of Watchkeeper. Two versions mean that an upgrade is in progress.",
            ("count by (version, python) (watchkeeper_build_info)", "{{version}} on Python {{python}}"),
            wide=8,
        ),
    ]
