"""Plots of `calibrate`: delay by size for each kind of fault, and false alarms against the budget."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from watchkeeper.detectors.calibration.contestants import ALWAYS, NEVER
from watchkeeper.detectors.calibration.injection import KINDS
from watchkeeper.detectors.calibration.measure import Calibration
from watchkeeper.streams.errors import UserError

__all__ = ["draw", "require_matplotlib"]

_COLUMNS = 3
"""Panels side by side. Chosen by hand: more do not fit a page."""


def require_matplotlib() -> None:
    """Raise UserError if matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise UserError("plots require matplotlib; run: pip install 'watchkeeper[explain]'")


def draw(found: Calibration, folder: Path) -> list[Path]:
    """Write both plots into a folder and return their paths."""
    from matplotlib.figure import Figure

    drawn = []
    for name, plot in (("delays", _delays), ("false-alarms", _false_alarms)):
        figure = Figure(layout="constrained")
        plot(found, figure)
        path = folder / f"{name}.png"
        figure.savefig(path, dpi=80, metadata={"Software": None})
        drawn.append(path)
    return drawn


def _delays(found: Calibration, figure: Any) -> None:
    kinds = list(dict.fromkeys(each.kind for each in found.delays))
    figure.set_size_inches(13, 3.2 * -(-len(kinds) // _COLUMNS))
    panels = figure.subplots(-(-len(kinds) // _COLUMNS), _COLUMNS, squeeze=False).ravel()
    for panel, kind in zip(panels, kinds, strict=False):
        _panel(found, panel, kind)
    for panel in panels[len(kinds) :]:
        panel.set_axis_off()
    lines, labels = panels[0].get_legend_handles_labels()
    figure.legend(lines, labels, loc="outside lower center", ncols=5)
    figure.suptitle("Rows from a fault to its alarm (mean; a miss counts as the limit)")


def _panel(found: Calibration, panel: Any, kind: str) -> None:
    for place, name in enumerate(dict.fromkeys(each.detector for each in found.delays)):
        if name in (ALWAYS, NEVER):
            continue
        points = sorted((e.size, e.delay_mean) for e in found.delays if (e.detector, e.kind) == (name, kind))
        sizes = [f"{size:g}" for size, _ in points]
        style = {"color": "black", "linewidth": 2.5, "zorder": 9} if place == 0 else {"color": f"C{place}"}
        panel.plot(sizes, [delay for _, delay in points], marker="o", label=name, **style)
    panel.axhline(found.limit, color="grey", linestyle=":")
    panel.set(title=kind, yscale="log", ylabel="rows", xlabel=KINDS[kind].unit)


def _false_alarms(found: Calibration, figure: Any) -> None:
    rows = [each for each in found.false_alarms if each.detector not in (ALWAYS, NEVER)]
    figure.set_size_inches(8, 1.2 + 0.4 * len(rows))
    panel = figure.subplots()
    for place, each in enumerate(reversed(rows)):
        panel.hlines(place, each.low, each.high, color="grey")
        panel.plot([each.alarms], [place], marker="o", color="black")
    panel.axvline(rows[0].allowed if rows else 0, color="red", linestyle="--", label="budget")
    panel.set_yticks(range(len(rows)), [each.detector for each in reversed(rows)])
    panel.set_xscale("symlog", linthresh=1)
    panel.set(
        xlabel="alarms", title=f"False alarms on {found.healthy_rows} healthy rows, with 95 % intervals"
    )
    panel.legend()
