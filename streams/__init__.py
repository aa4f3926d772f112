"""The Faust app: transport, folds and checkpoints, the four stages, settings and the command line."""

if __name__ == "streams":  # a checkout, by the name of version 0.1
    from watchkeeper.moved import use_old_name

    use_old_name(__name__)
