"""A Chromium, and the page in a process of its own that a scripted server or a real one stands behind.

The browser is Debian's or whatever PRIMER_CHROMIUM names. Without one these tests are skipped, and pytest's last lines
say so.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from primer.serve.web import Child, free_port, page_command, wait_until_ready

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
PATIENCE = 30_000  # milliseconds that a thing may take to appear, on a busy machine


def find_chromium() -> str | None:
    """Where a Chromium is."""
    found = [os.environ.get("PRIMER_CHROMIUM"), *map(shutil.which, NAMES)]
    return next((path for path in found if path), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for the tests of a file: playwright keeps an event loop running, which tests elsewhere must not meet."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium found: install one (apt install chromium), or name it in PRIMER_CHROMIUM")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Page]:
    """A visitor who was never here before."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def page_on() -> Callable[..., AbstractContextManager[str]]:
    """`with page_on(api, folder) as url`: the page before a server."""
    return started_page


@contextmanager
def started_page(api: str, folder: Path, key: str = "") -> Iterator[str]:
    """The page in its process, conversations and runs in a folder; its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        "PRIMER_API": api, "PRIMER_API_KEY": key, "PRIMER_DATABASE": f"sqlite:///{folder / 'primer.db'}",
        "PRIMER_RUNS": str(folder / "runs"),
    }  # fmt: skip
    with Child("page", page_command("127.0.0.1", port), environment, f"{url}/_stcore/health") as child:
        wait_until_ready([child])
        yield url


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say aloud that the browser tests did not run."""
    if find_chromium() is None:
        terminalreporter.write_line("BROWSER TESTS SKIPPED: there is no Chromium on this machine.", yellow=True)
