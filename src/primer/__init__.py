"""Primer: from raw text to a chat assistant, in a package that reads like a book.

Text flows one way: text -> ids -> batches -> weights -> tokens -> conversation. The folders are
the chapters; `docs/book.md` gives the order to read them in.
"""

__version__ = "0.1.0"
