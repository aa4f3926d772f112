from tests.alerting.windows import HOUR_MS, window
from watchkeeper.alerting.versions import CHANGES_MAX, Answering, Versions


def seen(*windows):
    versions = Versions()
    for each in windows:
        versions.see(each)
    return versions


def test_versions_that_began_together_are_ordered_as_people_number_them():
    assert seen(window(0, version="v9"), window(0, version="v10")).current() == "v10"


def test_without_any_window_no_version_is_current_and_none_is_superseded():
    assert Versions().current() is None
    assert Versions().as_of(0) == Answering(0, None)
    assert not Versions().as_of(0).supersedes("1")


def test_windows_of_labels_do_not_say_how_busy_a_version_is():
    versions = seen(
        window(0), window(0, version="2", rows=10), window(0, version="2", kind="labels", rows=900)
    )
    assert versions.current() == "1"


def test_a_version_is_gone_when_others_are_ahead_by_more_than_the_span():
    versions = seen(window(0), window(3, version="2"))
    assert versions.drop_gone("predictions", 3 * HOUR_MS) == []
    assert versions.drop_gone("predictions", 2 * HOUR_MS) == ["1"]
    assert list(versions.seen) == ["2"]


def test_a_version_whose_labels_still_come_does_not_answer_any_more():
    versions = seen(window(0, version="1"), window(3, version="2"), window(9, version="1"))
    versions.see(window(3, version="2", kind="labels"))
    assert versions.drop_gone("predictions", HOUR_MS) == ["2"]
    assert versions.current() == "1"


def test_a_silent_window_of_an_unknown_version_makes_it_not_known():
    versions = seen(window(0), window(1, version="2", rows=0))
    assert list(versions.seen) == ["1"]


def test_what_held_at_a_time_is_remembered_while_versions_change():
    versions = Versions()
    for hour, version in enumerate(["1", "1", "2", "2"]):
        versions.see(window(hour, version=version))
        versions.note(window(hour).window_end_ms)
    ends = [window(hour).window_end_ms for hour in range(4)]
    assert [versions.as_of(end).current for end in (0, *ends)] == [None, "1", "1", "2", "2"]
    assert versions.as_of(ends[2]).published == ("1", "2")
    assert len(versions.past) == 2


def test_only_the_newest_changes_are_remembered():
    versions = Versions()
    for hour in range(CHANGES_MAX + 5):
        versions.see(window(hour, version=str(hour)))
        versions.note(hour)
    assert len(versions.past) == CHANGES_MAX
    assert versions.as_of(0).current == versions.as_of(5).current == "5"
