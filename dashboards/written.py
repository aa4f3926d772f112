"""The dashboards as files for Grafana."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.fleet import fleet
from dashboards.model import model
from dashboards.system import system

__all__ = ["PAGES", "ROOT"]

ROOT = Path(__file__).parent.parent
FOLDER = "compose/grafana/dashboards"
"""The folder of the files, from the top of the repository."""


def written(make: Callable[[], Dashboard]) -> str:
    """Return the file of a dashboard. Panels have fixed numbers, so that links to them stay valid.

    Args:
        make: Builds the dashboard.
    """
    board: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(make()))
    for number, panel in enumerate(board["panels"], 1):
        panel["id"] = number
    for annotation in board["annotations"]["list"]:  # fields that the builder of the SDK lacks
        annotation |= {
            "titleFormat": "{{alertname}}",
            "textFormat": "{{severity}} {{subject}}{{topic}}{{stage}}",
            "tagKeys": "severity",
            "step": "10s",
        }
    return json.dumps(board, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    f"{FOLDER}/{make.__name__}.json": partial(written, make) for make in (fleet, model, system)
}
"""Path of each dashboard's file, and the function that returns its content."""
