"""promql: one number from one instant query."""
