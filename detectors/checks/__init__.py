"""Checks: the questions that are asked of each closed window."""
