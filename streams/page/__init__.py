"""The stage page: turns findings into alerts and retraining requests."""
