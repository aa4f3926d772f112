"""Checks: what is judged in a closed window."""
