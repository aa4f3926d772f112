"""Mistakes that a user can mend."""


class UserError(Exception):
    """What is wrong, where, and how to mend it, in one sentence; a command shows it and ends with code 2."""
