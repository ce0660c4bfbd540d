"""The page of safety: what the server's filters are told to do, and what they have done. It shows no one's words."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from primer.core.errors import PrimerError
from primer.serve.client import server_of_environment

REFRESH_SECONDS = 5.0
ACTIONS = {
    "allow": "nothing happens",
    "warn": "it is shown, with a notice",
    "redact": "the part that was found is blacked out",
    "block": "the message is shown in its place",
}


def page() -> None:
    """Draw it."""
    st.header("Safety", anchor=False)
    st.fragment(show, run_every=REFRESH_SECONDS)()


def show() -> None:
    """What the server says of its filters now."""
    server = server_of_environment()
    try:
        found = server.safety()
    except PrimerError as error:
        st.error(f"{error} This page looks again every {REFRESH_SECONDS:.0f} seconds.", icon=":material/cloud_off:")
        return
    if found is None:
        st.info(f"The server at {server.url} is not Primer's: what it filters, this page cannot know.")
    elif not found["policy"]:
        st.warning("The filters are switched off: the server was started with `--no-safety`.")
    else:
        st.write("What goes to the model and what comes from it passes these filters, whoever asks.")
        st.subheader("What was filtered", anchor=False)
        show_totals(found["totals"])
        show_recent(found["recent"])
        st.subheader("The policy", anchor=False)
        show_policy(found["policy"], found["threshold"])


def show_totals(totals: Mapping[str, Mapping[str, int]]) -> None:
    """How often each category was found, by what was done."""
    counts = {action: sum(done.get(action, 0) for done in totals.values()) for action in ("block", "redact", "warn")}
    labels = {"block": "Blocked", "redact": "Redacted", "warn": "Warned"}
    for column, (action, count) in zip(st.columns(3), counts.items(), strict=True):
        column.metric(labels[action], f"{count:,}")
    rows = [{"category": readable(category)} | dict(done) for category, done in totals.items() if any(done.values())]
    if rows:
        st.dataframe(rows, hide_index=True)
    else:
        st.caption("Nothing since the server started.")


def show_recent(recent: Sequence[Mapping[str, Any]]) -> None:
    """The last verdicts, the newest first."""
    rows = [
        {"time": clock(found["time"]), "category": readable(found["category"])}
        | {name: found[name] for name in ("action", "direction", "model", "layer", "rule")}
        for found in sorted(recent, key=lambda found: float(found["time"]), reverse=True)
    ]
    if rows:
        st.dataframe(rows, hide_index=True)


def show_policy(policy: Mapping[str, Mapping[str, Any]], threshold: float) -> None:
    """Each category: what is done, what people are told, and where; and from which certainty on."""
    st.caption(" · ".join(f"**{action}**: {meaning}" for action, meaning in ACTIONS.items()))
    rows = [{"category": readable(category)} | dict(rule) for category, rule in policy.items()]
    st.table(rows)
    st.caption(f"Learned classifiers count from a certainty of {threshold:g} on (`threshold`); rules need none.")
    st.caption("To change it: `primer safety policy > policy.toml`, edit, and `primer serve --policy policy.toml`.")


def readable(category: str) -> str:
    """A category's name for people.

    >>> readable("self_harm")
    'self harm'
    """
    return category.replace("_", " ")


def clock(seconds: float) -> str:
    """A time of day, of the machine that shows the page."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")
