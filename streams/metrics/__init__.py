"""The metrics of a worker and the bound on their number."""
