"""What everything stands on: errors, the runtime, the folder of a run."""
