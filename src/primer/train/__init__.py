"""The one loop, and the stages that it runs."""
