"""The demo: publishes a year of real flights with three injected faults, and reports what is detected.

It does the work of the team around a model: data, training and serving. The rest of the program never
imports it.
"""
