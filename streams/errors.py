"""Mistakes that a user can mend, and faults with which a worker can't go on."""


class UserError(Exception):
    """What is wrong, where, and how to mend it, in one sentence; a command shows it and ends with code 2."""


class Unrecoverable(Exception):
    """Why a worker can't go on, and what to do, in one sentence: it stops before anything is acknowledged."""
