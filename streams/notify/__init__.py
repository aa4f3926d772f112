"""The stage notify: alerts are delivered to receivers."""
