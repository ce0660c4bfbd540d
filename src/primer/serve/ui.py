"""The page that `primer web` shows: Streamlit runs this file anew for each thing that a visitor does.

Environment: PRIMER_API (the server, http://127.0.0.1:8000/v1), PRIMER_API_KEY, PRIMER_DATABASE (conversations and
votes), PRIMER_RUNS (the folder of the runs). Only the page that is shown is imported.
"""

from importlib import import_module

import streamlit as st

from primer.core.errors import PrimerError


def page(name: str, icon: str, default: bool = False) -> st.Page:
    """A page of this folder: `views/NAME.py` draws it with its function `page`."""

    def draw() -> None:
        try:
            import_module(f"primer.serve.views.{name}").page()
        except PrimerError as error:
            st.error(f"{error}", icon=":material/error:")

    return st.Page(draw, title=name.capitalize(), icon=icon, url_path=name, default=default)


def main() -> None:
    """Draw the page that the visitor is on."""
    st.set_page_config(page_title="Primer", page_icon=":material/menu_book:", menu_items={"Report a bug": None})
    pages = [
        page("chat", ":material/chat:", default=True),
        page("compare", ":material/compare_arrows:"),
        page("training", ":material/show_chart:"),
        page("safety", ":material/shield:"),
    ]
    st.navigation(pages, position="top").run()


main()
