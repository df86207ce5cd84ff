"""Measurements, as ratios within one run; ``make bench`` prints them as a table."""
