"""What people and models write, as Streamlit shows it: as Markdown of which nothing is fetched or hidden, or plain.

Streamlit shows HTML as text by itself. Beyond that a picture in an answer would make the visitor's browser call the
address that the model wrote, and one dollar sign would begin a formula that the next one ends.
"""

import re

CODE = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]+`)", re.DOTALL)
MARKS = re.compile(r"([\\`*_\[\]#:$~<>|!])")


def as_markdown(text: str) -> str:
    """An answer's Markdown: a picture is the link to it, a lone dollar a dollar; code stays as it is.

    >>> as_markdown("![cat](http://a/b) for $5, `$5`")
    '!\\u200b[cat](http://a/b) for \\\\$5, `$5`'
    """
    parts = CODE.split(text)
    for i in range(0, len(parts), 2):
        prices = re.sub(r"(?<![\\$])\$(?!\$)", r"\\$", parts[i])
        parts[i] = prices.replace("![", "!\u200b[")  # a space of no width: between the two it is a picture no more
    return "".join(parts)


def as_label(text: str, length: int = 60) -> str:
    """One line of plain text for a label, which Streamlit would read as Markdown.

    >>> as_label("a *star* for :red[you]", 8)
    'a \\\\*star…'
    """
    line = " ".join(text.split())
    short = line if len(line) <= length else line[: length - 1].rstrip() + "…"
    return MARKS.sub(r"\\\1", short)
