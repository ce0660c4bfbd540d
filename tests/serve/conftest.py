"""Small models, and a server that serves them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from learned import learned_run
from openai import OpenAI
from served import LiveServer, serving
from tiny import chat_base


@pytest.fixture(autouse=True)
def same_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit's AppTest puts its script in the place of `__main__` and leaves it there, and then every process that
    multiprocessing starts in a later test begins with that script."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(scope="session")
def by_heart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a model that knows `learned.LEARNED` by heart."""
    return learned_run(tmp_path_factory.mktemp("learned") / "by-heart")


@pytest.fixture(scope="session")
def untaught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a base model that has learned nothing."""
    return chat_base(tmp_path_factory.mktemp("base") / "untaught")


@pytest.fixture(scope="session")
def live(by_heart: Path, untaught: Path) -> Iterator[LiveServer]:
    """Both models, with the calculator, without keys and filters."""
    with serving(by_heart, untaught) as server:
        yield server


@pytest.fixture(scope="session")
def client(live: LiveServer) -> OpenAI:
    """The official client of that server."""
    return live.client()
