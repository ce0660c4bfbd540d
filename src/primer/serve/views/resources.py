"""What all visitors of the page share: the way to the server, the store, and the answers that are being written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from primer.core.errors import PrimerError
from primer.serve.client import ServedModel, Server, server_of_environment
from primer.serve.database import StoreError
from primer.serve.drafts import Desk
from primer.serve.store import Store

MODELS_SECONDS = 10.0  # until the server is asked again which models it has
RETRY_SECONDS = 2.0


def open_store() -> Store:
    """The conversations and votes. Raises UserError if the database cannot be opened."""
    return store_at(os.environ.get("PRIMER_DATABASE") or "sqlite:///runs/primer.db")


@contextmanager
def kept() -> Iterator[None]:
    """Around what is written: if the database is locked or read-only the page says so there, and goes on."""
    try:
        yield
    except StoreError as error:
        st.error(f"This could not be kept: {error}", icon=":material/error:")


def open_desk() -> Desk:
    """The answers that are being written into that store."""
    return desk_of(os.environ.get("PRIMER_DATABASE", ""))


def open_server() -> Server:
    """The server that the environment names."""
    server = server_of_environment()
    return server_at(server.url, server.key)


def offered_models() -> list[ServedModel]:
    """The server's models; if it is away none, and the page says so and looks for it until it is back."""
    server = open_server()
    try:
        return models_of(server.url, server.key)
    except PrimerError as error:
        wait_for_server(str(error))
        return []


@st.fragment(run_every=RETRY_SECONDS)
def wait_for_server(problem: str) -> None:
    """Say that there is no server, with a button; go on by itself when it is back."""
    with st.container(border=True):
        st.markdown(f"**{problem}**")
        st.caption("Conversations are kept, and can be read. The page goes on by itself when the server answers.")
        asked = st.button("Try again", icon=":material/refresh:")
    try:
        server = open_server()
        models_of(server.url, server.key)
    except PrimerError:
        if not asked:
            return
    st.rerun()


@st.cache_resource
def store_at(url: str) -> Store:
    """One store for each database."""
    return Store(url)


@st.cache_resource
def desk_of(url: str) -> Desk:
    """One desk for each database."""
    return Desk()


@st.cache_resource
def server_at(url: str, key: str) -> Server:
    """One pool of connections for each server."""
    return Server(url, key)


@st.cache_data(ttl=MODELS_SECONDS, show_spinner=False)
def models_of(url: str, key: str) -> list[ServedModel]:
    """The models of a server. Raises ServerAway, ServerRefused, which are not remembered."""
    return server_at(url, key).models()
