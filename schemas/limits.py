"""One table of the limits of every text in an event: how long it may be, and what happens beyond that.

Texts of events come into memory, metrics, alerts and checkpoints. None of them is taken at any length.
"""

import zlib
from typing import Literal, NamedTuple

__all__ = [
    "CATEGORY_MAX",
    "ENVIRONMENT_MAX",
    "MODEL_VERSION_MAX",
    "PREDICTION_ID_MAX",
    "PUBLISHER_MAX",
    "SEGMENT_VALUE_MAX",
    "TEXT_LIMITS",
    "TextLimit",
    "short",
]

PREDICTION_ID_MAX = 256
"""Most characters of a `prediction_id`. Chosen by hand: a million of them wait in memory."""
MODEL_VERSION_MAX = 100
"""Most characters of a version. Chosen by hand: it is a label of metrics and stands in alerts."""
SEGMENT_VALUE_MAX = 100
"""Most characters of a segment value. Chosen by hand, for the same reason."""
CATEGORY_MAX = 100
"""Most characters of an unseen category that are kept. Chosen by hand: it bounds the size of a profile."""
PUBLISHER_MAX = 100
"""Most characters of a publisher's name, `ce_source`. Chosen by hand, for the same reason."""
ENVIRONMENT_MAX = 100
"""Most characters of an environment. Chosen by hand, for the same reason."""
_HASH_CHARACTERS = 9
"""Characters of the hash of a text that is cut: `#` and a CRC-32 in hexadecimal digits."""

Beyond = Literal["refused", "cut", "unknown"]


class TextLimit(NamedTuple):
    """The limit of one text."""

    field: str
    """The name of the field, or of the header."""
    characters: int
    """Most characters."""
    beyond: Beyond
    """What happens beyond it: the event is `refused`; the text is `cut` and ends with a hash, so that it
    stays a value of its own; or the name is `unknown`, as no monitor can have it."""


TEXT_LIMITS = (
    TextLimit("prediction_id", PREDICTION_ID_MAX, "refused"),
    TextLimit("model", 100, "unknown"),
    TextLimit("feature_view", 100, "unknown"),
    TextLimit("model_version", MODEL_VERSION_MAX, "cut"),
    TextLimit("segments", SEGMENT_VALUE_MAX, "cut"),
    TextLimit("features", CATEGORY_MAX, "cut"),
    TextLimit("environment", ENVIRONMENT_MAX, "cut"),
    TextLimit("ce_source", PUBLISHER_MAX, "cut"),
)
"""The limits of all texts that workers keep. Other fields and headers are not kept."""


def short(text: str, limit: int) -> str:
    """Bound the length of a text, and replace lone surrogates, which UTF-8 can't encode.

    The end of a longer text is replaced by a hash of the whole, so that it stays a value of its own.

    Args:
        text: The text as it was published.
        limit: Most characters of the result; at least 10.

    >>> short("2026-01", 20), short("2026-01" * 10, 20)
    ('2026-01', '2026-012026#66489865')
    """
    text = text.encode("utf-8", "replace").decode()
    if len(text) <= limit:
        return text
    return f"{text[: limit - _HASH_CHARACTERS]}#{zlib.crc32(text.encode()):08x}"
