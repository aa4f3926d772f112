"""The Faust app: transport, folds and checkpoints, the four stages, settings and the command line."""
