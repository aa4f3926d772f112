"""Hysteresis: how many bad windows fire an alert, and how many good ones resolve it."""

from msgspec import Struct

from watchkeeper.schemas.findings import Check, State
from watchkeeper.schemas.monitors import Sensitivity

_SLOWER: frozenset[Check] = frozenset({"performance", "prediction_drift", "drift"})
"""Checks that need one more bad window to fire, because one window of them is noisier than broken data."""


class Policy(Struct, frozen=True, kw_only=True):
    """When to fire and when to resolve, in consecutive windows.

    Raises:
        ValueError: if a number is below 1.
    """

    fire_after: int = 1
    """Consecutive bad windows before the alert fires."""
    resolve_after: int = 2
    """Consecutive good windows before the alert resolves."""

    def __post_init__(self) -> None:
        if self.fire_after < 1 or self.resolve_after < 1:
            raise ValueError(f"fire_after and resolve_after must be at least 1, got {self}")


class Standing(Struct):
    """The state of one check between windows."""

    bad_in_a_row: int = 0
    """Consecutive bad windows up to now."""
    good_in_a_row: int = 0
    """Consecutive good windows up to now."""
    firing: bool = False
    """Whether the check fires."""

    @property
    def active(self) -> bool:
        """Whether the check fires or has been bad in the last window."""
        return self.firing or self.bad_in_a_row > 0


def policy_of(sensitivity: Sensitivity, check: Check) -> Policy:
    """Return the policy of a check.

    Args:
        sensitivity: The `sensitivity` of the monitor.
        check: The check.

    >>> policy_of(Sensitivity(), "missing").fire_after, policy_of(Sensitivity(), "drift").fire_after
    (1, 2)
    """
    fire_after = sensitivity.fire_after + (check in _SLOWER)
    return Policy(fire_after=fire_after, resolve_after=sensitivity.resolve_after)


def judge(policy: Policy, standing: Standing, state: State) -> bool | None:
    """Update the state of a check with one window.

    Args:
        policy: When to fire and when to resolve.
        standing: The state of the check, which is updated.
        state: The result of the check in the window; `no_data` changes nothing.

    Returns:
        True if the check begins to fire, False if it resolves, None if neither.

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
