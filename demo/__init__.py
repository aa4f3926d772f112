"""The demo: a year of real flights through Kafka, three faults put on top of it, and what was found of them.

It knows everything that a team around a model knows (the data, the training, the serving) so that the watch
can be shown at work; the rest of the program never imports it.
"""
