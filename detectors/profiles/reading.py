"""Reads the published counts of rows into a profile."""

from typing import TYPE_CHECKING

from watchkeeper.detectors.profiles.fixed_point import unpack
from watchkeeper.detectors.profiles.unseen import Unseen
from watchkeeper.schemas.profiles import CategoryCounts, NumberCounts

if TYPE_CHECKING:
    from watchkeeper.detectors.profiles.rows import RowsProfile


def read_numbers(profile: "RowsProfile", numbers: list[NumberCounts]) -> None:
    """Read the counts of the numeric features and of the output.

    Args:
        profile: The profile, which gets the counts.
        numbers: The counts.
    """
    for index, counts in enumerate(numbers):
        profile.bins[index, : len(counts.bins)] = counts.bins
        profile.out_of_range[index] = counts.out_of_range
        profile.wrong_type[index if index < len(profile.layout.numeric) else -1] = counts.wrong_type
        profile.totals[index], profile.squares[index] = unpack(counts.total), unpack(counts.squares)
        if counts.lowest is not None and counts.highest is not None:
            profile.lowest[index], profile.highest[index] = counts.lowest, counts.highest


def read_categories(profile: "RowsProfile", categories: list[CategoryCounts]) -> None:
    """Read the counts of the category features.

    Args:
        profile: The profile, which gets the counts.
        categories: The counts.
    """
    for index, counts in enumerate(categories):
        known, unusable = profile.layout.known[index], profile.rows - sum(counts.known) - counts.unseen
        profile.known[index].update(dict(zip(known, counts.known, strict=True)))
        profile.known[index][None] = unusable
        profile.unseen[index] = Unseen(counts.unseen, counts.kept)
        profile.wrong_type[len(profile.layout.numeric) + index] = counts.wrong_type
