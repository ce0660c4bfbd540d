"""Whatever a model writes stays text, in markdown and in HTML; pictures travel inside the page."""

import base64
from html.parser import HTMLParser
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from primer.evaluate.report_page import code, fenced, html_page, inline, table

# As GitHub reads it: raw HTML allowed. What is escaped properly holds no tag even there.
READER = MarkdownIt("commonmark", {"html": True}).enable("table")
TEXTS = st.text(alphabet=st.sampled_from("ab \\`*_[]()<>#|~&!-+.=:/\"'\n\t$1é\u202e\x00"), max_size=40)


class Reader(HTMLParser):
    """Collects tags and text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def read(markdown: str) -> Reader:
    """What a reader of the markdown sees."""
    reader = Reader()
    reader.feed(READER.render(markdown))
    return reader


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_text_in_a_cell_stays_in_its_cell(text: str) -> None:
    reader = read("\n".join(table(("a", "b"), [(inline(text), "end")], left=2)))
    assert reader.tags == ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td"]
    expected = " ⏎ ".join(line.strip() for line in text.strip().splitlines())
    shown = expected.replace("\u202e", "�").replace("\x00", "�")
    assert "".join(reader.text.split()) == "".join(f"ab{shown}end".split())


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_text_in_a_fence_stays_in_its_fence(text: str) -> None:
    reader = read("\n".join([*fenced(text), "after"]))
    assert reader.tags == ["pre", "code", "p"]
    assert read(code(text)).tags in (["p", "code"], ["p"])


def test_a_long_text_is_cut() -> None:
    assert len(inline("a" * 500)) == 200
    assert inline("a" * 500).endswith("…")


def test_a_page_needs_no_other_file_and_obeys_no_tag(tmp_path: Path) -> None:
    (tmp_path / "loss.png").write_bytes(b"\x89PNG picture")
    text = "# A <b>title</b>\n\n![loss](loss.png)\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1))\n"
    page = html_page(text, tmp_path)
    assert base64.b64encode(b"\x89PNG picture").decode() in page
    assert "<script" not in page
    assert "href" not in page
    assert "<title>A &lt;b&gt;title&lt;/b&gt;</title>" in page
    assert "prefers-color-scheme: dark" in page


def test_a_picture_that_is_not_there_does_no_harm(tmp_path: Path) -> None:
    assert 'src="loss.png"' in html_page("![loss](loss.png)", tmp_path)
