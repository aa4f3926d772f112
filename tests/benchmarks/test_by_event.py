import math
import statistics as oracle

import msgspec

from benchmarks.by_event import StatisticsByEvent
from benchmarks.events import events


def test_the_peers_fold_what_the_stream_holds() -> None:
    decoded = [msgspec.json.decode(value) for _, value in events(400)]
    folded = StatisticsByEvent()
    for event in decoded:
        folded.update(event)
    column = [event["features"]["number_00"] for event in decoded]
    values = [value for value in column if value is not None]
    number = folded.numbers["number_00"]
    assert number.nulls == len(column) - len(values) > 0
    assert math.isclose(number.mean.get(), oracle.fmean(values))
    assert math.isclose(number.variance.get(), oracle.variance(values))
    category = folded.categories["category_0"]
    assert sum(category.counts.values()) + category.nulls == folded.events == 400
