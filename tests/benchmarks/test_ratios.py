from benchmarks.contest import Figures
from benchmarks.throughput import WATCHKEEPER, report_of


def test_ratios_say_how_many_times_as_fast_watchkeeper_is_by_the_clock_and_by_cpu() -> None:
    best = {WATCHKEEPER: Figures(1000, 1.0, 0.5), "quix_river": Figures(100, 0.5, 0.5)}
    report = report_of(best, events=1000, rounds=1, broker=None)
    assert report["ratio"] == {"quix_river": 5.0}
    assert report["ratio_by_cpu"] == {"quix_river": 10.0}
    assert report[WATCHKEEPER]["cpu_seconds"] == 0.5


def test_without_watchkeeper_there_is_nothing_to_compare_with() -> None:
    assert report_of({"quix_river": Figures(100, 1.0, 1.0)}, 100, 1, "kafka:9092")["ratio"] == {}
