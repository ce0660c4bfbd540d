"""How an answer is drawn: the tools it used, its words, and what there is to say about it."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from primer.serve.drafts import AWAY, FAILED, STOPPED, Draft
from primer.serve.shown import as_label, as_markdown

LOOK_SECONDS = 0.1  # between two looks at an answer that is being written

ENDED = {
    "length": "Cut off: the answer reached its greatest length, or the model's context is full.",
    "tool_calls": "The model asks for a tool that this page does not have.",
    STOPPED: "Stopped.",
    AWAY: "The server went away in the middle of this answer. What it had said is kept.",
    FAILED: "Something went wrong in the middle of this answer. What it had said is kept.",
}
FILTERED = {
    "warn": "The safety filter points out",
    "block": "The safety filter blocked",
    "redact": "The safety filter blacked out",
}


def show_answer(text: str, details: Mapping[str, Any]) -> None:
    """An answer that is over."""
    for tool in details.get("tool_activity", ()):
        show_tool(tool["name"], tool["arguments"], tool["result"])
    st.markdown(as_markdown(text))
    for note in notes(details):
        st.caption(f":material/info: {as_label(note, 500)}")


def show_tool(name: str, arguments: str, result: str | None) -> None:
    """A call, folded, with its result."""
    with st.expander(f"Used {as_label(name)}: {as_label(arguments)}", icon=":material/build:"):
        st.caption("Asked")
        st.code(arguments, language="json", wrap_lines=True)
        st.caption("Answered")
        st.code("nothing: it was not run" if result is None else result, language=None, wrap_lines=True)


def notes(details: Mapping[str, Any]) -> list[str]:
    """What there is to say about an answer, in plain words.

    >>> notes({"ended": "stopped", "dropped_messages": 2})
    ['The model did not see the first 2 messages: the chat is longer than its context.', 'Stopped.']
    """
    found: list[str] = []
    if dropped := details.get("dropped_messages"):
        found.append(f"The model did not see the first {dropped} messages: the chat is longer than its context.")
    found += [filtered(finding) for finding in details.get("safety", ())]
    ended = details.get("ended", "")
    if ended in ENDED:
        found.append(ENDED[ended])
    if ended == FAILED:
        found.append(details.get("problem", ""))
    return list(dict.fromkeys(found))  # each once: a filter may strike at every other word


def filtered(finding: Mapping[str, Any]) -> str:
    """What a safety filter did. When it blocked, its message stands where the answer would."""
    what = "your message" if finding.get("direction") == "input" else "part of the answer"
    done = FILTERED.get(finding["action"], "The safety filter noticed")
    message = "" if finding["action"] == "block" else finding.get("message", "")
    return f"{done} {what} ({finding['category'].replace('_', ' ')}). {message}".strip()


def statistics(model: str, details: Mapping[str, Any]) -> str:
    """Who answered, and how fast: from the question to the last word, for the first one comes late where words are held
    back, and all of them at once after a tool call.

    >>> statistics("primer", {"tokens": 21, "seconds": 1.5})
    'primer · 21 tokens · 14 tokens/s'
    """
    tokens, seconds = details.get("tokens", 0), details.get("seconds", 0.0)
    speed = [f"{tokens / seconds:.0f} tokens/s"] if seconds > 0 else []
    return " · ".join([model, f"{tokens} token{'s' * (tokens != 1)}", *speed])


def show_draft(draft: Draft, name: str) -> None:
    """An answer as far as it is written, and whose. Drawn again it is the same elements: an unfolded tool stays so."""
    for tool in draft.tools:
        show_tool(tool.name, tool.arguments, tool.result)
    if draft.text:
        st.markdown(as_markdown(draft.text) + ("" if draft.is_over else " ▌"))
        st.caption(as_label(statistics(name, draft.details())))
    else:
        st.caption("Waiting for the first word …")
