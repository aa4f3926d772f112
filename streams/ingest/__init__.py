"""The first stage: events become panes. `stage` has the fold; `decode`, `join` and `panes` are its parts."""
