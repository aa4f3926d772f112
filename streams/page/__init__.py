"""The stage page: findings become alerts and retraining requests."""
