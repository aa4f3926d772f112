"""Fixtures with the real tables, read once."""

import pytest

from watchkeeper.demo.flights import Flights, Weather, load


@pytest.fixture(scope="session")
def tables() -> tuple[Flights, Weather]:
    return load()


@pytest.fixture(scope="session")
def flights(tables: tuple[Flights, Weather]) -> Flights:
    return tables[0]


@pytest.fixture(scope="session")
def weather(tables: tuple[Flights, Weather]) -> Weather:
    return tables[1]
