"""One file a lesson: `LESSON` in each is found by the curriculum."""
