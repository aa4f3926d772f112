"""The statistics of the rows of one window; `docs/reference/statistics.md` lists each name."""

from collections.abc import Iterator, Mapping
from math import isfinite

from watchkeeper.detectors.checks.drift.moved import Drift, NumberDrift
from watchkeeper.detectors.checks.window_case import Case, category_of, number_of, summary_of
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.detectors.profiles.summaries import NumberSummary
from watchkeeper.schemas.statistics import Statistic


def statistics_of_rows(case: Case) -> list[Statistic]:
    """Return counts, shares and moments of the rows, of each feature and of the model's output.

    Args:
        case: The window case.
    """
    features = [statistic for feature in case.monitor.features for statistic in _of_feature(case, feature)]
    return _finite([*_of_stream(case.window), *features, *_of_output(case.window.output)])


def statistics_of_drift(drifts: Mapping[str, Drift | None], prediction: Drift | None) -> list[Statistic]:
    """Return how far each feature, and the model's output, moved from the reference.

    Args:
        drifts: Feature -> its drift; None if it could not be measured.
        prediction: The drift of the output; None if it could not be measured.
    """
    known = [_of_drift(drift, feature, "") for feature, drift in drifts.items() if drift is not None]
    if prediction is not None:
        known.append(_of_drift(prediction, None, "prediction_"))
    return _finite([statistic for statistics in known for statistic in statistics])


def _finite(statistics: list[Statistic]) -> list[Statistic]:
    return [statistic for statistic in statistics if isfinite(statistic.value)]


def _of_stream(window: RowsProfile) -> Iterator[Statistic]:
    yield Statistic("rows", window.rows)
    yield Statistic("late_rows", window.late)
    yield Statistic("duplicate_ratio", window.duplicates / max(1, window.rows + window.duplicates))
    for percent in (50, 95, 99):
        latency_ms = window.latency_quantile_ms(percent / 100)
        if latency_ms is not None:
            yield Statistic(f"latency_p{percent}_ms", latency_ms)


def _of_feature(case: Case, feature: str) -> Iterator[Statistic]:
    summary = summary_of(case.window, feature)
    rows = max(1, case.window.rows)
    if summary is not None:
        yield Statistic("missing_ratio", summary.missing / rows, feature)
        yield Statistic("wrong_type_ratio", summary.wrong_type / rows, feature)
    number, category = number_of(case.window, feature), category_of(case.window, feature)
    if number is not None:
        if case.monitor.features[feature].range is not None:
            yield Statistic("out_of_range_ratio", number.outside / rows, feature)
        yield from _moments(number, feature)
    if category is not None and category.known:
        yield Statistic("unseen_ratio", category.outside / rows, feature)


def _moments(number: NumberSummary, feature: str) -> Iterator[Statistic]:
    if number.usable:
        yield Statistic("mean", number.mean, feature)
        yield Statistic("sd", number.sd, feature)
        yield Statistic("min", number.lowest, feature)
        yield Statistic("max", number.highest, feature)


def _of_output(output: NumberSummary | None) -> Iterator[Statistic]:
    if output is not None:
        yield Statistic("prediction_missing_ratio", output.missing / max(1, output.rows))
        yield Statistic("prediction_wrong_type_ratio", output.wrong_type / max(1, output.rows))
        yield Statistic("prediction_out_of_range_ratio", output.outside / max(1, output.rows))
        yield Statistic("prediction_mean", output.mean)
        yield Statistic("prediction_sd", output.sd)


def _of_drift(drift: Drift, feature: str | None, prefix: str) -> list[Statistic]:
    name, p_value = (
        ("ks", drift.test.p_value) if isinstance(drift, NumberDrift) else ("chi_squared", drift.p_value)
    )
    excess = Statistic(f"{prefix}psi_excess", drift.psi.excess, feature, drift.psi.lower, drift.psi.upper)
    values = {
        "psi": drift.psi.statistic,
        **drift.distances,
        name: drift.test.statistic,
        f"{name}_p_value": p_value if p_value is not None else float("nan"),
    }
    return [excess, *(Statistic(f"{prefix}{name}", value, feature) for name, value in values.items())]
