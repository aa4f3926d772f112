import pytest

from benchmarks.contest import ContestantFailed, read_figures, run_contestant


def test_figures_are_the_last_line_of_the_output() -> None:
    out = 'a notice\n{"events": 100, "seconds": 2.0, "cpu_seconds": 1.0}\n'
    figures = read_figures("swift", out, "", 0)
    assert figures.events_per_second == 50
    assert figures.as_json()["events_per_cpu_second"] == 100


@pytest.mark.parametrize("out", ["", "ready\n", '{"events": 100}\n'])
def test_a_contestant_without_figures_is_shown_with_the_tail_of_its_standard_error(out: str) -> None:
    err = "\n".join(f"line {i}" for i in range(100)) + "\nboom"
    with pytest.raises(
        ContestantFailed, match=r"swift ended with exit code 7 [\s\S]*line 99\nboom$"
    ) as failure:
        read_figures("swift", out, err, 7)
    assert "line 50" not in str(failure.value)


def test_a_contestant_that_cannot_begin_says_why() -> None:
    with pytest.raises(ContestantFailed, match=r"No module named benchmarks\.nobody"):
        run_contestant("nobody", "localhost:1", "", 1)
