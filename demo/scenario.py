"""What exists before the year begins: the real tables, the served tables, and version 1."""

from dataclasses import dataclass

from watchkeeper.demo.events import MODEL, VIEW
from watchkeeper.demo.faults import inject
from watchkeeper.demo.flights import Flights, Weather, load
from watchkeeper.demo.references import monitors, reference_of_model, reference_of_view
from watchkeeper.demo.service import Trained, learn
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.references import Reference

__all__ = ["Scenario", "make_scenario"]


@dataclass(frozen=True)
class Scenario:
    """The demo's data: `flights` and `weather` are real, `served` and `reports` have the injected faults."""

    monitors: dict[str, Monitor]
    flights: Flights
    weather: Weather
    served: Flights
    reports: Weather
    first: Trained
    references: tuple[Reference, ...]

    def reference(self, trained: Trained) -> Reference:
        """Build the reference of a model version."""
        return reference_of_model(
            self.monitors[MODEL], trained.flights, trained.held_out, trained.model.version
        )


def make_scenario(start_ms: int) -> Scenario:
    """Read the tables, inject the faults, and train version 1 on the flights before the start."""
    flights, weather = load()
    served, by_subject = inject(flights, MODEL), monitors()
    first = learn(served, int(flights.time_ms[0]), start_ms, [], "1")
    before = weather.take(weather.between(0, start_ms))
    of_view = reference_of_view(by_subject[VIEW], before)
    of_model = reference_of_model(by_subject[MODEL], first.flights, first.held_out, first.model.version)
    return Scenario(by_subject, flights, weather, served, inject(weather, VIEW), first, (of_model, of_view))
