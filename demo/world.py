"""All that is there before the year begins: the real tables, what will be served of them, and version 1."""

from dataclasses import dataclass

from watchkeeper.demo.events import MODEL, VIEW
from watchkeeper.demo.faults import inject
from watchkeeper.demo.flights import Flights, Weather, load
from watchkeeper.demo.references import monitors, reference_of_model, reference_of_view
from watchkeeper.demo.service import Trained, learn
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.references import Reference

__all__ = ["World", "make_world"]


@dataclass(frozen=True)
class World:
    """What the demo plays with: `flights` and `weather` are true, `served` and `reports` have the faults."""

    monitors: dict[str, Monitor]
    flights: Flights
    weather: Weather
    served: Flights
    reports: Weather
    first: Trained
    references: tuple[Reference, ...]

    def reference(self, trained: Trained) -> Reference:
        """Build the reference of a version of the model."""
        return reference_of_model(
            self.monitors[MODEL], trained.flights, trained.held_out, trained.model.version
        )


def make_world(start_ms: int) -> World:
    """Read the tables, inject the faults, and train version 1 on what was before the start."""
    flights, weather = load()
    served, watched = inject(flights, MODEL), monitors()
    first = learn(served, int(flights.time_ms[0]), start_ms, [], "1")
    before = weather.take(weather.between(0, start_ms))
    of_view = reference_of_view(watched[VIEW], before)
    of_model = reference_of_model(watched[MODEL], first.flights, first.held_out, first.model.version)
    return World(watched, flights, weather, served, inject(weather, VIEW), first, (of_model, of_view))
