"""Ids to logits: the transformer, the shapes it takes, its optimizer, its folder of weights."""
