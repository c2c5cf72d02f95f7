"""What the operator decides. Pure: no I/O, no clock, nothing but values in and out."""
