"""Draw docs/screenshots/: every page of `primer web`, light and dark, with a model that answers.

    python docs/screenshots.py runs/laptop

Needs the extras `serve` and `dev`, and a Chromium (PRIMER_CHROMIUM names another than the one on the path). Pillow,
which Streamlit brings, makes the pictures small: 64 colours are enough for a page.
"""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from tempfile import TemporaryDirectory
from urllib.error import URLError
from urllib.request import urlopen

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

OUT = Path(__file__).with_name("screenshots")
PORT = 8601
URL = f"http://127.0.0.1:{PORT}"
SIZE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


def main(run: Path) -> None:
    """Start `primer web`, visit its pages, stop it."""
    chromium = os.environ.get("PRIMER_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    OUT.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        options = ["--run", str(run), "--port", str(PORT), "--database", f"sqlite:///{folder}/primer.db"]
        with Popen([sys.executable, "-m", "primer.cli", "web", *options]) as web:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            try:
                wait_for_page()
                for scheme in ("light", "dark"):
                    for name, visit in PAGES.items():
                        take(browser, f"{name}-{scheme}", scheme, SIZE, visit)
                take(browser, "chat-phone", "light", PHONE, chat)
            finally:
                browser.close()
                web.terminate()


def wait_for_page() -> None:
    """Until `primer web` answers."""
    while True:
        try:
            with urlopen(f"{URL}/_stcore/health"):
                return
        except URLError:
            continue


def take(browser: Browser, name: str, scheme: str, size: dict[str, int], visit: Callable[[Page], None]) -> None:
    """One picture, by a visitor who was never here before."""
    page = browser.new_page(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
    page.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    visit(page)
    page.wait_for_timeout(2000)  # charts are drawn after their data has come
    path = OUT / f"{name}.png"
    page.screenshot(path=path)
    page.close()
    Image.open(path).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB")


def welcome(page: Page) -> None:
    """What a first visitor sees."""
    page.goto(URL)
    expect(page.get_by_role("button", name="Who are you?")).to_be_enabled()


def chat(page: Page) -> None:
    """A conversation with a tool."""
    page.goto(URL)
    ask(page, "Hello! My name is Ann.")
    ask(page, "What is 127 + 358?")
    page.get_by_text("Used calculator").first.click()


def ask(page: Page, text: str) -> None:
    """A question, and its answer."""
    line = page.get_by_test_id("stChatInputTextArea")
    expect(line).to_be_enabled()
    line.fill(text)
    line.press("Enter")
    expect(page.get_by_test_id("stChatMessage").filter(has_text=text)).to_be_visible()
    expect(page.get_by_role("button", name="Regenerate")).to_be_visible()


def compare(page: Page) -> None:
    """Two answers."""
    page.goto(f"{URL}/compare")
    line = page.get_by_test_id("stChatInputTextArea")
    expect(line).to_be_enabled()
    line.fill("Write a short story about a fox.")
    line.press("Enter")
    expect(page.get_by_role("button", name="Equally good")).to_be_visible()


def training(page: Page) -> None:
    """The curves of a run: of a speedrun's SFT, which is the longest."""
    page.goto(f"{URL}/training?run={sys.argv[1].rstrip('/').split('/')[-1]}/sft")
    expect(page.get_by_test_id("stMetric").first).to_be_visible()


def safety(page: Page) -> None:
    """What was filtered, after something was."""
    page.goto(URL)
    ask(page, "My card is 4111 1111 1111 1111 and my mail ann@example.org.")
    page.goto(f"{URL}/safety")
    expect(page.get_by_test_id("stTable")).to_be_visible()


PAGES: dict[str, Callable[[Page], None]] = {
    "welcome": welcome, "chat": chat, "compare": compare, "training": training, "safety": safety,
}  # fmt: skip

if __name__ == "__main__":
    main(Path(sys.argv[1]))
