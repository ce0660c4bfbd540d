"""How good is it: loss and bits per byte, and the report of a run."""
