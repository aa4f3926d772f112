import pytest

from benchmarks import profile_cost, stages
from benchmarks.events import events


def test_every_stage_takes_time_and_they_add_up_to_the_whole() -> None:
    costs = stages.measure(3000, worker_us=1e6)
    parts = {stage: cost for stage, cost in costs.items() if not stage.endswith("in all")}
    assert all(cost > 0 for cost in parts.values())
    assert sum(parts.values()) == pytest.approx(costs["worker in all"])


def test_the_stages_fold_every_event() -> None:
    columns = profile_cost.to_columns([value for _, value in events(300)])
    assert (columns.rows, columns.numbers.shape, len(columns.categories)) == (300, (16, 300), 4)


def test_the_cost_of_a_profile_is_given_for_each_batch_size() -> None:
    costs = profile_cost.measure(4000, rounds=1)
    assert list(costs) == ["orjson.loads", *(f"RowsProfile.add, batches of {n}" for n in (50, 500, 4000))]
    assert all(cost > 0 for cost in costs.values())
