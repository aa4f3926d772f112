"""The second stage: panes in, statistics and findings of closed windows out. `stage` is the fold."""
