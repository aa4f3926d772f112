"""Sequential detectors of change, fed one value at a time; each is its own snapshot, none needs pickle.

What they watch are means of panes (`signals.py`), which are autocorrelated and seasonal in real streams. The
guarantees below assume they are not, beyond a stated tolerance: so an alarm here is evidence beside a finding
of a window, and never a page of its own.
"""
