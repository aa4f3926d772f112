import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.alerting.policy import Policy, Standing, judge

policies = st.builds(Policy, fire_after=st.integers(1, 4), resolve_after=st.integers(1, 4))
# Long enough that most lists fire and resolve: a shorter one makes the tests below pass on silence.
states = st.lists(st.sampled_from(["bad", "bad", "ok", "ok", "no_data"]), min_size=30, max_size=120)


def changes(policy: Policy, given_states: list[str]) -> list[bool]:
    standing = Standing()
    changes = [judge(policy, standing, state) for state in given_states]
    return [change for change in changes if change is not None]


@given(policies, states)
def test_an_alert_fires_first_and_then_fires_and_resolves_in_turn(policy, given_states):
    found = changes(policy, given_states)
    assert found == [i % 2 == 0 for i in range(len(found))]


def test_the_states_drawn_do_fire_and_resolve():
    found = []

    @given(policies, states)
    def draw(policy, given_states):
        found.append(len(changes(policy, given_states)))

    draw()
    assert sum(count >= 2 for count in found) > len(found) / 2


@given(policies, states)
def test_windows_without_data_change_nothing(policy, given_states):
    with_data = [state for state in given_states if state != "no_data"]
    assert changes(policy, given_states) == changes(policy, with_data)


@given(policies)
def test_it_takes_as_many_windows_in_a_row_as_the_policy_says(policy):
    assert changes(policy, ["bad"] * (policy.fire_after - 1) + ["ok"]) == []
    assert changes(policy, ["bad"] * policy.fire_after) == [True]
    bad = ["bad"] * policy.fire_after
    assert changes(policy, bad + ["ok"] * (policy.resolve_after - 1) + ["bad"]) == [True]
    assert changes(policy, bad + ["ok"] * policy.resolve_after) == [True, False]


def test_good_windows_count_only_in_a_row():
    assert changes(Policy(resolve_after=2), ["bad", "ok", "bad", "ok", "bad"]) == [True]


def test_a_policy_that_could_never_fire_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        Policy(fire_after=0)
