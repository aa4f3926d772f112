"""Mistakes that a user can mend, and faults with which a worker can't go on."""


class UserError(Exception):
    """What is wrong, where, and how to mend it, in one sentence; a command shows it and ends with code 2."""


class Unrecoverable(Exception):
    """Why a worker can't go on, and what to do, in one sentence: it stops before anything is acknowledged."""


def uncapital(text: str) -> str:
    """Let a sentence begin in the middle of another.

    >>> uncapital("Input should be less"), uncapital("URL scheme should be 'http'")
    ('input should be less', "URL scheme should be 'http'")
    """
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]
