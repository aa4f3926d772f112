"""The stage evaluate: turns panes into statistics and findings of closed windows. `stage` is the fold."""
