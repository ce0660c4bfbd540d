"""Weights to tokens: generation with a key-value cache."""
