"""Gather, decide, act: the operator's work, over ports."""
