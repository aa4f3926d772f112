"""The stage notify: delivers alerts to receivers."""
