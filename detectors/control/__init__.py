"""Control of false discoveries over many features, segments and looks, under any dependence."""

from watchkeeper.detectors.control.calibrate import p_to_e
from watchkeeper.detectors.control.e_bh import e_bh
from watchkeeper.detectors.control.e_lond import ELond
from watchkeeper.detectors.control.window_e_value import category_e_value, number_e_value

__all__ = ["ELond", "category_e_value", "e_bh", "number_e_value", "p_to_e"]
