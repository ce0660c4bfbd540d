"""Markdown written safely, and markdown as one HTML file.

What a model wrote is anyone's text: it may hold pipes, backticks, tags and links. Everything of it goes through
`inline` or `fenced` before it stands in a report.
"""

import base64
import re
import unicodedata
from collections.abc import Sequence
from html import escape
from pathlib import Path

# System fonts, one column, tables that scroll by themselves on a phone; the pictures keep their white ground at night.
STYLE = """\
:root { color-scheme: light dark; --ink: #1c1c1e; --soft: #6b6b70; --line: #dcdce0; --ground: #fff; --box: #f5f5f7; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6ea; --soft: #9a9aa2; --line: #3a3a40; --ground: #17171a; --box: #222226; }
}
body { max-width: 54rem; margin: 3rem auto; padding: 0 1.2rem; color: var(--ink); background: var(--ground);
  font: 1rem/1.6 system-ui, sans-serif; }
h1, h2, h3 { line-height: 1.25; } h2 { margin-top: 2.6rem; border-bottom: 1px solid var(--line); }
table { display: block; margin: 1rem 0; overflow-x: auto; border-collapse: collapse;
  font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td[style] { white-space: nowrap; }
th { color: var(--soft); font-weight: 600; text-align: left; }
pre { padding: .8rem 1rem; border-radius: .5rem; background: var(--box); white-space: pre-wrap;
  overflow-wrap: anywhere; }
code { font: .9em/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
img { max-width: 100%; border-radius: .5rem; background: #fff; }
"""


def printable(text: str) -> str:
    """Text without what would change how a page is shown: control characters, marks that turn the writing direction,
    halves of a surrogate pair (which no UTF-8 file can hold).

    >>> printable("a\\x1b[31mb\\u202ec")
    'a�[31mb�c'
    """
    return "".join(
        c if c in "\n\t" or (unicodedata.category(c) not in ("Cc", "Cs") and c not in "\u202a\u202b\u202c\u202d\u202e"
                             "\u2066\u2067\u2068\u2069") else "�"
        for c in text
    )  # fmt: skip


def inline(text: str, limit: int = 200) -> str:
    """Text as it may stand in a sentence or a table's cell: on one line, cut at `limit`, nothing in it markup.

    >>> print(inline("a|b <i>*c*</i>"))
    a\\|b \\<i\\>\\*c\\*\\</i\\>
    """
    text = " ⏎ ".join(line.strip() for line in printable(text).strip().splitlines())
    text = text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
    # An underscore within a word is one, and nothing else: `word_problems` stays readable.
    return re.sub(r"([\\`*{}\[\]<>#|~&$!]|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", text)


def code(text: str) -> str:
    """Text as code within a sentence, whatever backticks it holds."""
    text = " ".join(printable(text).split())
    ticks = "`" * (longest_run(text) + 1)
    pad = " " if text[:1] == "`" or text[-1:] == "`" or not text else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def fenced(text: str) -> list[str]:
    """Text as a block of its own, in a fence longer than any that it holds."""
    fence = "`" * max(3, longest_run(text) + 1)
    return [f"{fence}text", printable(text).strip("\n"), fence, ""]


def longest_run(text: str) -> int:
    """Backticks in a row."""
    return max(map(len, re.findall("`+", text)), default=0)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """A table, its first `left` columns set to the left and the others, which are numbers, to the right."""
    rules = ["---" if i < left else "---:" for i in range(len(head))]
    return [f"| {' | '.join(cells)} |" for cells in (head, rules, *rows)] + [""]


def html_page(markdown: str, folder: Path) -> str:
    """A report as one file that needs no other: `folder`'s pictures stand in it as data.

    Tags in the markdown are shown, not obeyed, so that what a model wrote stays text.
    """
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown)
    for token in (child for parent in tokens for child in parent.children or ()):
        path = folder / str(token.attrGet("src")) if token.type == "image" else None
        if path is not None and path.is_file():
            token.attrSet("src", "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode())
    title = next((line.removeprefix("# ") for line in markdown.splitlines() if line.startswith("# ")), "Report")
    body = parser.renderer.render(tokens, parser.options, {})
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
