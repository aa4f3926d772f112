"""The known conversions of units, and those that a feature's name suggests."""

import re
from typing import NamedTuple


class Conversion(NamedTuple):
    """A conversion: x in the old unit is `factor * x + offset` in the new one."""

    name: str
    """The units, as in "degC to degF"."""
    factor: float
    """The factor."""
    offset: float
    """The offset, in the new unit."""
    quantity: str
    """The physical quantity, such as "temperature"; "scale" is a bare power of ten."""

    def apply(self, value: float) -> float:
        """Convert a value.

        Args:
            value: The value in the old unit.

        Returns:
            The value in the new unit.

        >>> Conversion("degC to degF", 1.8, 32, "temperature").apply(100)
        212.0
        """
        return self.factor * value + self.offset

    @property
    def formula(self) -> str:
        """Give the conversion as a formula of the old value."""
        offset = f" {'+' if self.offset > 0 else '-'} {abs(self.offset):.5g}" if self.offset else ""
        return f"{self.factor:.5g} * old{offset}"


_ONE_WAY = (
    ("temperature", "degC", "degF", 1.8, 32.0),
    ("temperature", "degC", "K", 1.0, 273.15),
    ("temperature", "degF", "K", 1 / 1.8, 459.67 / 1.8),
    ("length", "mi", "km", 1.609344, 0.0),
    ("length", "nautical mi", "km", 1.852, 0.0),
    ("length", "mi", "m", 1609.344, 0.0),
    ("length", "km", "m", 1000.0, 0.0),
    ("length", "m", "ft", 3.280839895, 0.0),
    ("length", "m", "cm", 100.0, 0.0),
    ("length", "m", "mm", 1000.0, 0.0),
    ("length", "in", "cm", 2.54, 0.0),
    ("length", "in", "mm", 25.4, 0.0),
    ("length", "ft", "in", 12.0, 0.0),
    ("speed", "kt", "mph", 1.150779448, 0.0),
    ("speed", "kt", "km/h", 1.852, 0.0),
    ("speed", "mph", "km/h", 1.609344, 0.0),
    ("speed", "m/s", "kt", 1.943844492, 0.0),
    ("speed", "m/s", "mph", 2.236936292, 0.0),
    ("speed", "m/s", "km/h", 3.6, 0.0),
    ("mass", "kg", "lb", 2.204622622, 0.0),
    ("mass", "kg", "g", 1000.0, 0.0),
    ("mass", "oz", "g", 28.349523125, 0.0),
    ("mass", "g", "mg", 1000.0, 0.0),
    ("mass", "ct", "mg", 200.0, 0.0),
    ("volume", "gal", "l", 3.785411784, 0.0),
    ("volume", "l", "ml", 1000.0, 0.0),
    ("volume", "cu in", "cm3", 16.387064, 0.0),
    ("power", "hp", "kW", 0.745699872, 0.0),
    ("power", "kW", "W", 1000.0, 0.0),
    ("consumption", "mpg", "km/l", 0.425143707, 0.0),
    ("pressure", "inHg", "hPa", 33.86388667, 0.0),
    ("pressure", "mmHg", "hPa", 1.333223684, 0.0),
    ("pressure", "psi", "kPa", 6.894757293, 0.0),
    ("pressure", "hPa", "Pa", 100.0, 0.0),
    ("pressure", "kPa", "hPa", 10.0, 0.0),
    ("time", "s", "ms", 1000.0, 0.0),
    ("time", "ms", "us", 1000.0, 0.0),
    ("time", "min", "s", 60.0, 0.0),
    ("time", "h", "min", 60.0, 0.0),
    ("time", "h", "s", 3600.0, 0.0),
    ("time", "day", "h", 24.0, 0.0),
    ("time", "day", "s", 86400.0, 0.0),
    ("time", "year", "month", 12.0, 0.0),
    ("time", "year", "day", 365.25, 0.0),
    ("share", "ratio", "percent", 100.0, 0.0),
    ("angle", "rad", "deg", 57.29577951, 0.0),
    ("money", "units", "cents", 100.0, 0.0),
    ("size", "KiB", "bytes", 1024.0, 0.0),
    ("size", "MiB", "bytes", 1048576.0, 0.0),
    ("size", "MB", "KB", 1000.0, 0.0),
    ("scale", "", "x10", 10.0, 0.0),
    ("scale", "", "x100", 100.0, 0.0),
    ("scale", "", "x1000", 1000.0, 0.0),
    ("scale", "", "x1e6", 1e6, 0.0),
    ("scale", "", "x1e9", 1e9, 0.0),
)
"""Conversions in one direction: quantity, old unit, new unit, factor, offset. By the units' definitions."""

_WORDS = {
    "temperature": "temp temperature dewp dewpoint celsius fahrenheit degc degf kelvin",
    "length": "distance dist length height width depth altitude elevation km mm cm mile meter metre feet foot"
    " inch precip precipitation rain rainfall snow visib visibility",
    "speed": "speed wind velocity gust",
    "mass": "weight mass load carat kg lb pound gram",
    "volume": "volume capacity displacement gallon litre liter",
    "power": "power horsepower hp kw watt",
    "consumption": "mpg consumption",
    "pressure": "pressure press barometer",
    "time": "time duration delay latency age seconds minutes hours days months years elapsed wait tenure",
    "share": "ratio share percent pct rate humid humidity probability fraction",
    "angle": "angle dir direction bearing heading",
    "money": "price amount cost fare revenue fee income balance wage salary charge spend payment usd eur",
    "size": "bytes memory disk filesize kb mb gb",
}
"""The words of feature names that suggest each quantity."""


def _both_ways(quantity: str, old: str, new: str, factor: float, offset: float) -> list[Conversion]:
    names = (f"{old} to {new}", f"{new} to {old}") if old else (new, f"1/{new[1:]}")
    back = Conversion(names[1], 1 / factor, -offset / factor, quantity)
    return [Conversion(names[0], factor, offset, quantity), back]


CONVERSIONS = tuple(conversion for row in _ONE_WAY for conversion in _both_ways(*row))
"""All known conversions, in both directions."""


def conversions_for(feature: str) -> tuple[Conversion, ...]:
    """List the conversions that suit a feature's name; all of them if it suggests no quantity.

    Args:
        feature: The name of the feature.

    >>> sorted({conversion.quantity for conversion in conversions_for("air_temp")})
    ['scale', 'temperature']
    """
    suited = _quantities(feature)
    if not suited:
        return CONVERSIONS
    return tuple(conversion for conversion in CONVERSIONS if conversion.quantity in suited | {"scale"})


def suggests_quantity(feature: str) -> bool:
    """Whether a feature's name suggests a quantity.

    Args:
        feature: The name of the feature.

    >>> suggests_quantity("precipitation_mm"), suggests_quantity("x7")
    (True, False)
    """
    return bool(_quantities(feature))


def _quantities(feature: str) -> set[str]:
    parts = {part.removesuffix("s") for part in re.split(r"[^a-z]+", feature.lower())}
    return {
        quantity
        for quantity, words in _WORDS.items()
        if parts & {word.removesuffix("s") for word in words.split()}
    }


def rivals(feature: str, conversion: Conversion) -> int:
    """Count the conversions that are as likely as a given one, by the feature's name.

    Args:
        feature: The name of the feature.
        conversion: The conversion.

    >>> rivals("air_temp", conversions_for("air_temp")[0]), rivals("x7", CONVERSIONS[0])
    (6, 74)
    """
    possible = conversions_for(feature)
    named = suggests_quantity(feature)
    return len({each[1:3] for each in possible if not named or each.quantity == conversion.quantity})
