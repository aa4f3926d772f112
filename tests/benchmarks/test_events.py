from itertools import pairwise

import msgspec

from benchmarks.events import CATEGORIES, FEATURES, NUMBERS, events, monitor
from watchkeeper.schemas.events import Prediction
from watchkeeper.schemas.monitors import Monitor


def test_the_monitor_file_is_valid_and_declares_every_feature() -> None:
    assert list(Monitor.model_validate(monitor()).features) == [*NUMBERS, *CATEGORIES]
    assert FEATURES == 20


def test_every_event_is_a_prediction_of_our_wire_format_within_the_stated_size() -> None:
    decoder = msgspec.json.Decoder(Prediction)
    for key, value in events(500):
        prediction = decoder.decode(value)
        assert prediction.prediction_id.encode() == key
        assert list(prediction.features) == [*NUMBERS, *CATEGORIES]
        assert 440 <= len(value) <= 590


def test_the_stream_has_nulls_and_rising_event_times() -> None:
    predictions = [msgspec.json.decode(value, type=Prediction) for _, value in events(500)]
    assert any(None in prediction.features.values() for prediction in predictions)
    times = [prediction.event_time for prediction in predictions]
    assert all(earlier <= later for earlier, later in pairwise(times))  # type: ignore[operator]


def test_the_same_seed_gives_the_same_stream_and_no_key_comes_twice() -> None:
    stream = list(events(10_500))
    assert stream == list(events(10_500))
    assert stream[0] != next(events(10_500, seed=1))
    assert len({key for key, _ in stream}) == 10_500
