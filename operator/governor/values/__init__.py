"""The words everything else is said in: outcomes, reasons, objectives, durations."""
