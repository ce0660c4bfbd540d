"""The built-in curriculum: lessons written by generators, endless, in plain English, with the right answer known."""
