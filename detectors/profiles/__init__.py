"""Profiles: mergeable counts of rows and labels."""
