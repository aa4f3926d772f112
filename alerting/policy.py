"""Hysteresis: how many bad windows make an alert, how many good ones end it."""

from msgspec import Struct

from watchkeeper.schemas.findings import Check, State
from watchkeeper.schemas.monitors import Sensitivity

# A window of these is noisier than a window of broken data, so one more must agree.
_SLOWER: frozenset[Check] = frozenset({"performance", "prediction_drift", "drift"})


class Policy(Struct, frozen=True, kw_only=True):
    """When to fire and when to resolve, in windows in a row."""

    fire_after: int = 1
    resolve_after: int = 2

    def __post_init__(self) -> None:
        if self.fire_after < 1 or self.resolve_after < 1:
            raise ValueError(f"fire_after and resolve_after must be at least 1, got {self}")


class Standing(Struct):
    """Where one check stands."""

    bad_in_a_row: int = 0
    good_in_a_row: int = 0
    firing: bool = False

    @property
    def active(self) -> bool:
        """Whether it is firing or may be about to."""
        return self.firing or self.bad_in_a_row > 0


def policy_of(sensitivity: Sensitivity, check: Check) -> Policy:
    """Return the policy that a monitor asks for.

    >>> policy_of(Sensitivity(), "missing").fire_after, policy_of(Sensitivity(), "drift").fire_after
    (1, 2)
    """
    fire_after = sensitivity.fire_after + (check in _SLOWER)
    return Policy(fire_after=fire_after, resolve_after=sensitivity.resolve_after)


def judge(policy: Policy, standing: Standing, state: State) -> bool | None:
    """Take in one window: True to fire, False to resolve, None to stay. No data changes nothing.

    >>> standing = Standing()
    >>> [judge(Policy(fire_after=2), standing, state) for state in ("bad", "no_data", "bad", "ok", "ok")]
    [None, None, True, None, False]
    """
    if state == "no_data":
        return None
    was_firing = standing.firing
    if state == "bad":
        standing.bad_in_a_row += 1
        standing.good_in_a_row = 0
        standing.firing = was_firing or standing.bad_in_a_row >= policy.fire_after
    else:
        standing.bad_in_a_row = 0
        standing.good_in_a_row += 1
        standing.firing = was_firing and standing.good_in_a_row < policy.resolve_after
    return standing.firing if standing.firing != was_firing else None
