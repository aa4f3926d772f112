import itertools

import numpy as np
import pytest

from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.detectors.profiles.spans import Broken, SpanExtremes, span_ms
from watchkeeper.schemas.monitors import WindowsSection
from watchkeeper.schemas.references import Binning, NumberBinning

LAYOUT = Layout(Binning({"a": NumberBinning((), 0.0, 20, 0.0, 10.0)}, {"c": ("x",)}))


def sealed(rows, missing=0, outside=0, category="x"):
    values = np.arange(rows) % 7.0
    values[:missing] = np.nan
    values[missing : missing + outside] = 99.0
    profile = RowsProfile.empty(LAYOUT)
    profile.add(Columns(rows, values[None], [[category] * rows]))
    profile.seal()
    return profile


SPANS = [sealed(50), sealed(100, missing=20), sealed(40, outside=10), sealed(60, missing=3, category="new")]


def test_a_past_remembers_the_worst_span_whatever_the_order():
    for order in itertools.permutations(SPANS):
        past = RowsProfile.empty(LAYOUT)
        for span in order:
            past.merge(span)
        spans = SpanExtremes.from_wire(past.spans.to_wire())
        assert spans.worst == {"a": Broken(0.2, 0.0, 0.25), "c": Broken(0.0, 0.0, 1.0)}
        assert (spans.count, spans.rows_min, spans.rows_max) == (4, 40, 100)
        assert spans.constant == {"c": 4}


def test_shares_of_few_rows_are_not_remembered():
    assert sealed(20, missing=10).spans.worst == {}


def test_no_spans_are_not_sent():
    assert SpanExtremes().to_wire() is None
    assert SpanExtremes.from_wire(None).count == 0


@pytest.mark.parametrize(
    ("windows", "expected_ms"),
    [
        ({"size": "PT1H"}, 3_600_000),
        ({"size": "PT6H", "every": "PT4H"}, 7_200_000),
        ({"size": "PT1H", "rows": 9}, 300_000),
    ],
)
def test_a_span_is_a_window_or_what_overlapping_windows_share(windows, expected_ms):
    assert span_ms(WindowsSection.model_validate(windows)) == expected_ms
