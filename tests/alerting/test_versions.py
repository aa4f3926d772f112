from alerting.versions import Versions
from tests.alerting.windows import HOUR_MS, window


def seen(*windows):
    versions = Versions()
    for each in windows:
        versions.see(each)
    return versions


def test_versions_that_began_together_are_ordered_as_people_number_them():
    assert seen(window(0, version="v9"), window(0, version="v10")).current() == "v10"


def test_without_any_window_no_version_is_current_and_none_is_superseded():
    assert Versions().current() is None
    assert not Versions().is_superseded("1")


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
