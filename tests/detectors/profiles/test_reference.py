import base64
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from watchkeeper.detectors.checks.build_reference import KNOWN_MAX, Reference, build_reference, fit_number
from watchkeeper.detectors.checks.reference import reference_labels, reference_rows
from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.detectors.profiles.layout import BINS, Layout
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.schemas.references import NumberBinning

GOLDEN = Path(__file__).parents[2] / "schemas" / "golden" / "reference.json"


@pytest.fixture
def reference(monitor, healthy):
    columns = healthy(4000)
    origins = np.random.default_rng(3).choice(["EWR", "JFK"], 4000, p=[0.75, 0.25]).tolist()
    labels = (np.random.default_rng(4).random(4000) < columns.scores).astype(float)
    labels[:100] = np.nan
    return build_reference(monitor, columns, {"origin": origins}, labels=labels, version="7", built_at_ms=5)


def test_a_reference_reads_back_what_it_wrote(reference):
    assert Reference.decode(reference.encode()) == reference
    assert (reference.subject, reference.version, reference.rows) == ("flight-delay", "7", 4000)


def test_the_stream_is_binned_as_the_reference_is(monitor, reference):
    assert Layout.of(monitor, reference).id == Layout(reference.binning).id
    assert Layout.of(monitor, None).id != Layout(reference.binning).id


def test_bins_hold_equal_shares_of_the_reference(monitor, reference):
    temp = reference_rows(reference, None).number("temp")
    assert BINS / 2 < len(temp.bins) <= BINS
    assert temp.bins.max() < 3 * 4000 / BINS
    assert reference_rows(reference, None).output.bins.min() > 0


def test_segments_add_up_to_all_rows(reference):
    parts = [reference_rows(reference, name) for name in ("origin=EWR", "origin=JFK")]
    parts[0].merge(parts[1])
    assert parts[0].encode() == reference.profile
    assert reference_rows(reference, "origin=LGA") is None
    assert reference_rows(None, None) is None


def test_labels_that_are_not_known_are_left_out(reference):
    assert reference_labels(reference, None).labels == 3900
    assert reference_labels(reference, "origin=EWR").labels < 3900
    assert reference_labels(None, None) is None


def test_a_declared_range_changes_no_bins(declare, monitor, reference):
    features = {**monitor.model_dump()["features"], "temp": {"type": "number", "range": [0, 1]}}
    layout = Layout.of(declare(features=features), reference)
    assert layout.binning.numbers["temp"].edges == reference.binning.numbers["temp"].edges
    assert layout.binning.numbers["temp"].highest == 1.0


def test_a_feature_that_the_reference_lacks_is_binned_by_its_range(declare, monitor, reference):
    features = {**monitor.model_dump()["features"], "visib": {"type": "number", "range": [0, 10]}}
    layout = Layout.of(declare(features=features), reference)
    assert layout.binning.numbers["visib"].edges[0] == 0.25


def test_few_distinct_values_have_a_bin_each():
    assert fit_number(NumberBinning(), np.array([0.0, 1.0, 2.0] * 50)).edges == (1.0, 2.0)
    assert fit_number(NumberBinning(), np.full(50, 7.0)).edges == ()


@pytest.mark.parametrize(
    "values", [[], [np.nan], [np.inf], [1e308, -1e308], [0.0], [5e-324, 0.0], [1.0, 2.0, 1e308]]
)
def test_any_values_give_bins_that_count_them(values):
    bins = fit_number(NumberBinning(), np.array(values, float))
    assert np.isfinite([*bins.edges, bins.centre]).all()
    assert list(bins.edges) == sorted(set(bins.edges))


def test_one_absurd_value_does_not_make_sums_coarse(declare):
    monitor = declare(features={"a": {"type": "number"}})
    values = np.append(np.random.default_rng(0).normal(50, 2, 999), 1e300)
    reference = build_reference(monitor, Columns(1000, values[None], []), {}, built_at_ms=0)
    window = RowsProfile.empty(Layout(reference.binning))
    window.add(Columns(999, values[None, :-1], []))
    assert window.number("a").mean == pytest.approx(values[:-1].mean(), abs=1e-4)


def test_known_categories_are_the_most_common_ones(declare):
    monitor = declare(features={"tail": {"type": "category"}})
    names = [f"n{i}" for i in range(KNOWN_MAX + 50)]
    columns = Columns(len(names) * 2, np.empty((0, len(names) * 2)), [names + names[::-1]])
    reference = build_reference(monitor, columns, {}, built_at_ms=0)
    assert len(reference.binning.categories["tail"]) == KNOWN_MAX
    assert reference_rows(reference, None).category("tail").outside == 100


def test_names_that_no_row_could_match_are_not_known(declare):
    monitor = declare(features={"tail": {"type": "category"}})
    columns = Columns(3, np.empty((0, 3)), [["\ud800", "x" * 500, "ok"]])
    reference = build_reference(monitor, columns, {}, built_at_ms=0)
    assert Reference.decode(reference.encode()).binning.categories["tail"] == ("ok",)


def test_a_closed_list_of_categories_is_the_known_one(declare):
    monitor = declare(features={"sky": {"type": "category", "categories": ["clear", "rain"]}})
    columns = Columns(2, np.empty((0, 2)), [["rain", "hail"]])
    reference = build_reference(monitor, columns, {}, built_at_ms=0)
    assert reference.binning.categories["sky"] == ("clear", "rain")
    assert reference_rows(reference, None).category("sky").outside == 1


def test_an_empty_reference_can_be_built(monitor):
    empty = Columns(0, np.empty((2, 0)), [[], []])
    reference = build_reference(monitor, empty, {"origin": []}, built_at_ms=0)
    assert reference_rows(reference, None).rows == 0


def test_the_fields_of_a_reference_are_pinned(declare):
    monitor = declare(features={"a": {"type": "number", "range": [0, 9]}, "c": {"type": "category"}})
    columns = Columns(4, np.array([[1.0, 2.0, 3.0, 4.0]]), [["x", "y", "x", None]], scores=np.full(4, 0.5))
    reference = build_reference(
        monitor, columns, {"o": ["E"] * 4}, labels=np.ones(4), version="1", built_at_ms=9
    )
    assert json.loads(msgspec.json.encode(reference)) == json.loads(GOLDEN.read_text())


def test_a_reference_of_an_older_program_is_read():
    newest = msgspec.json.decode(GOLDEN.read_bytes(), type=Reference)
    old_profile = base64.b64decode(
        "mQQAAMDAkpeUAQEBAQAAxAMAACDEBgAAAAAABss/8AAAAAAAAMtAEAAAAAAAAJeRBAAAxAEAxAEAyz/gAAAAAAAAyz/gAAAAAAAA"
        "kZSSAgEAAICQwA=="
    )  # without `labelled`
    old = msgspec.structs.replace(newest, profile=old_profile, segments={"o=E": old_profile})
    again = Reference.decode(old.encode())
    for segment in (None, "o=E"):
        assert reference_rows(again, segment).encode() == newest.profile != old_profile


def spans_of(monitor, healthy, **kwargs):
    parts = [healthy(200, seed=seed) for seed in range(12)]
    columns = Columns(
        2400,
        np.concatenate([part.numbers for part in parts], axis=1),
        [[name for part in parts for name in part.categories[i]] for i in range(2)],
        scores=np.concatenate([part.scores for part in parts]),
    )
    hours_ms = np.repeat(np.arange(12), 200) * 3.6e6
    reference = build_reference(monitor, columns, {}, built_at_ms=0, times_ms=hours_ms, **kwargs)
    return reference, reference_rows(reference, None).spans


def test_a_reference_with_times_knows_how_its_windows_varied(monitor, healthy):
    _, spans = spans_of(monitor, healthy)
    assert (spans.count, spans.rows_min, spans.rows_max) == (12, 200, 200)
    assert 0 < spans.steps["temp"].jump_max < 3
    assert 0.8 < spans.steps["temp"].ratio_min < 1 < spans.steps["temp"].ratio_max < 1.3
    assert 0 < spans.moved["temp"].psi_excess < 0.2
    assert 68 < spans.moved["temp"].mean_min < 70 < spans.moved["temp"].mean_max < 72
    assert set(spans.moved) == {"temp", "distance", "carrier", "night", ""}


def test_times_change_no_count_of_a_reference(monitor, healthy):
    with_times, _ = spans_of(monitor, healthy)
    profile = reference_rows(with_times, None)
    profile.spans = RowsProfile.empty(profile.layout).spans
    plain = healthy(200, seed=0)
    for seed in range(1, 12):
        part = healthy(200, seed=seed)
        plain.numbers = np.concatenate((plain.numbers, part.numbers), axis=1)
        plain.categories = [a + b for a, b in zip(plain.categories, part.categories, strict=True)]
        plain.scores = np.concatenate((plain.scores, part.scores))
    plain.rows, plain.latency_ms = 2400, None
    without = build_reference(monitor, plain, {}, built_at_ms=0)
    assert profile.encode() == without.profile
