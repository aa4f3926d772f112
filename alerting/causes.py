"""One alert per cause: groups symptoms that are one fault in several places.

- Segments: a fault in all rows, or in two segments or more, is one alert for all rows. The alert of a fault
  in a single segment has that segment as a label.
- Versions: data quality and drift belong to the subject as a whole. Performance belongs to the version.
- Features: drift is one alert for all features. Any other check that fires in more than
  `SEPARATE_FEATURES_MAX` features at once is one upstream fault, and one alert.
- A fault that only a superseded version shows does not page: its reference is old, and another version
  answers.
"""

from collections.abc import Collection, Container, Iterable, Mapping
from typing import NamedTuple

from watchkeeper.alerting.names import NAMES
from watchkeeper.alerting.symptoms import Spot, Symptoms
from watchkeeper.alerting.versions import Answering
from watchkeeper.schemas.findings import Check, Kind

SEPARATE_FEATURES_MAX = 3
"""Number of features above which the same fault in several features is one alert.

Chosen by hand: fewer hides which features broke; more pages on-call several times for one upstream fault.
"""


class Cause(NamedTuple):
    """What one alert is about. At most one alert is open for each cause."""

    check: Check
    """The check that is bad."""
    feature: str | None = None
    """The feature; None for the subject itself, or for several features."""
    segment: str | None = None
    """The segment, `dimension=value`; None for all rows."""
    version: str | None = None
    """The version, for checks that belong to one version; else None."""
    shadow: bool = False
    """True if only a version that no longer answers for the model shows the fault."""

    def covers(self, other: "Cause") -> bool:
        """Return whether this cause is at least as wide as the other one.

        Args:
            other: The cause that may be part of this one.

        >>> Cause("missing").covers(Cause("missing", "temp", "origin=EWR"))
        True
        """
        pairs = ((self.feature, other.feature), (self.segment, other.segment))
        same = (self.check, self.version, self.shadow) == (other.check, other.version, other.shadow)
        return same and all(mine in (None, its) for mine, its in pairs)


Causes = dict[Cause, Symptoms]
"""The firing symptoms of each cause."""
Place = tuple[str, str, Check, str | None]
"""Kind, version, check and feature of a symptom."""


def group(
    symptoms: Symptoms,
    open_causes: Collection[Cause],
    answering: Answering,
    judged_ms: Mapping[Kind, int],
) -> Causes:
    """Group the firing symptoms by cause. An open cause keeps its width until it is over.

    Args:
        symptoms: All symptoms of the subject.
        open_causes: The causes that have an open alert.
        answering: Which version answers for the model.
        judged_ms: For each kind, the end of the current version's last judged window, in ms since 1970.
    """
    causes: Causes = {}
    for wide, spots in _by_check(symptoms, answering, judged_ms).items():
        for feature, members in _by_feature(wide, spots, open_causes).items():
            cause = wide._replace(feature=feature)
            segment = None if cause in open_causes else _only_segment(members)
            causes[cause._replace(segment=segment)] = {spot: symptoms[spot] for spot in members}
    return causes


def _by_check(
    symptoms: Symptoms, answering: Answering, judged_ms: Mapping[Kind, int]
) -> dict[Cause, list[Spot]]:
    checks: dict[Cause, list[Spot]] = {}
    seen = {spot[:4] for spot in symptoms}
    for spot, symptom in symptoms.items():
        shadow = _is_shadow(spot, judged_ms.get(spot.kind, 0) > symptom.since_ms, answering, seen)
        if symptom.standing.firing and (not shadow or _matters_in_shadow(spot.check)):
            version = spot.version if spot.check == "performance" else None
            checks.setdefault(Cause(spot.check, version=version, shadow=shadow), []).append(spot)
    return checks


def _matters_in_shadow(check: Check) -> bool:
    """Return False where a retired version is rightly silent, or its old reference is not a baseline."""
    return check != "silent" and NAMES[check].severity == "critical"


def _is_shadow(spot: Spot, judged: bool, answering: Answering, seen: Container[Place]) -> bool:
    """Return whether the current version has been judged since, and does not show this fault."""
    current = answering.current
    if current is None or not answering.supersedes(spot.version):
        return False
    if spot.check in ("silent", "performance"):
        return True  # it no longer answers: its silence is right, and its mistakes do no harm
    return judged and (spot.kind, current, spot.check, spot.feature) not in seen


def _by_feature(
    wide: Cause, spots: Iterable[Spot], open_causes: Collection[Cause]
) -> dict[str | None, list[Spot]]:
    features: dict[str | None, list[Spot]] = {}
    for spot in spots:
        features.setdefault(spot.feature, []).append(spot)
    own = {cause.feature for cause in open_causes if wide.covers(cause) and cause.feature is not None}
    others = [feature for feature in features if feature not in own]
    joint_open = any(wide.covers(cause) and cause.feature is None for cause in open_causes)
    if wide.check == "drift" or joint_open or len(others) > SEPARATE_FEATURES_MAX:
        joint = [spot for feature in others for spot in features.pop(feature)]
        return {**features, **({None: joint} if joint else {})}
    return features


def _only_segment(members: Collection[Spot]) -> str | None:
    segments = {spot.segment for spot in members}
    return segments.pop() if len(segments) == 1 else None
