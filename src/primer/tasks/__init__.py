"""What a model can be taught and asked: one file a task."""
