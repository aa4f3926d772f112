"""The probe: a synthetic subject that drifts on purpose, to test the path from event to alert.

The command, the metrics and the alert of the probe keep the name under which they were published: canary.
"""
