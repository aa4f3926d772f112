"""The first stage: events in, panes out. `stage` is the fold; `decode`, `join` and `panes` are its parts."""
