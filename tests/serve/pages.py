"""The page without a browser (Streamlit's AppTest): how tests open it, wait for it and read it."""

import time

import pytest
from streamlit.testing.v1 import AppTest

from primer.serve.views import resources

PATIENCE = 20.0


def name_parts(monkeypatch: pytest.MonkeyPatch, api: str, database: str) -> None:
    """An environment that names a server and a database's file, in a process that remembers none of before."""
    resources.models_of.clear()
    resources.store_at.clear()
    monkeypatch.setenv("PRIMER_API", api)
    monkeypatch.delenv("PRIMER_API_KEY", raising=False)
    monkeypatch.setenv("PRIMER_DATABASE", f"sqlite:///{database}")


def open_chat(chat: int | None = None) -> AppTest:
    """The chat page, as a browser that comes to it sees it."""

    def script() -> None:
        from primer.serve.views.chat import page

        page()

    app = AppTest.from_function(script, default_timeout=PATIENCE)
    if chat is not None:
        app.query_params["chat"] = str(chat)
    return settled(app.run())


def open_compare() -> AppTest:
    """The compare page."""

    def script() -> None:
        from primer.serve.views.compare import page

        page()

    return AppTest.from_function(script, default_timeout=PATIENCE).run()


def open_safety() -> AppTest:
    """The page of safety."""

    def script() -> None:
        from primer.serve.views.safety import page

        page()

    return AppTest.from_function(script, default_timeout=PATIENCE).run()


def settled(app: AppTest) -> AppTest:
    """The page when nothing is being written any more: a browser would look again and again by itself."""
    deadline = time.monotonic() + PATIENCE
    while has(app, "stop") and time.monotonic() < deadline:
        time.sleep(0.02)
        app.run()
    assert not app.exception
    return app


def has(app: AppTest, key: str) -> bool:
    """Whether the page has a button of this key."""
    return any(button.key == key for button in app.button)


def ask(app: AppTest, text: str) -> AppTest:
    """Write a question, and wait for the answer."""
    return settled(app.chat_input[0].set_value(text).run())


def words(app: AppTest) -> str:
    """All that the page says."""
    parts = [*app.markdown, *app.caption, *app.text, *app.warning, *app.error, *app.info, *app.success, *app.code]
    return "\n".join(str(part.value) for part in parts)
