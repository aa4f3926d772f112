"""The identity of what is watched: a model or feature view in one environment, as one text.

`delay` is the model `delay` in production, `delay@staging` the same model in staging. Names contain no `@`.
"""

__all__ = ["PRODUCTION", "environment_of", "name_of", "split", "subject_of"]

PRODUCTION = "production"
"""The environment of a monitor or event that names none."""
_AT = "@"


def subject_of(name: str, environment: str | None) -> str:
    """Return the subject of a model or feature view in an environment.

    Args:
        name: The name of the model or feature view.
        environment: The environment; None or empty: production.

    >>> subject_of("delay", None), subject_of("delay", "production"), subject_of("delay", "staging")
    ('delay', 'delay', 'delay@staging')
    """
    return name if environment in (None, "", PRODUCTION) else f"{name}{_AT}{environment}"


def name_of(subject: str) -> str:
    """Return the model or feature view of a subject.

    Args:
        subject: The subject.

    >>> name_of("delay@staging")
    'delay'
    """
    return subject.partition(_AT)[0]


def environment_of(subject: str) -> str:
    """Return the environment of a subject.

    Args:
        subject: The subject.

    >>> environment_of("delay@staging"), environment_of("delay")
    ('staging', 'production')
    """
    return subject.partition(_AT)[2] or PRODUCTION


def split(subject: str) -> tuple[str, str]:
    """Return the model or feature view of a subject, and its environment.

    Args:
        subject: The subject.

    >>> split("delay@staging")
    ('delay', 'staging')
    """
    return name_of(subject), environment_of(subject)
