"""Doubles of the ports, in memory. They behave as the real ones: one contract suite says so."""
