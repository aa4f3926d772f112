"""Known faults are put into a user's own history, to see which detector finds them, and how often it errs."""
