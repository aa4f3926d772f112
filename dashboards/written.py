"""The dashboards as files of Grafana."""

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


def written(make: Callable[[], Dashboard]) -> str:
    """Return a dashboard's file. Panels have numbers, so that links to one stay right."""
    board: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(make()))
    for number, panel in enumerate(board["panels"], 1):
        panel["id"] = number
    for annotation in board["annotations"]["list"]:  # fields that the kit's builder does not know
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
