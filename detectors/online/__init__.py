"""Sequential detectors of change, fed one value at a time; each is its own snapshot, none needs pickle.

What they watch are means of panes (`signals.py`), which are autocorrelated and seasonal in real streams.
Their guarantees assume that they are not, beyond a stated tolerance. Simulated for 60 days with panes of 5
minutes: a daily swing of 0.1 standard deviations of the rows gives e-SR no alarm (0.05 a day if means also
wander with an autocorrelation of 0.95), one of 0.25 gives 0.4 (1.0) alarms a day, one of 0.5 gives 4; ADWIN
and Page-Hinkley 0 to 4. So an alarm here is evidence beside a finding of a window, never a page of its own.
"""
