"""The sidebar of the chat page: conversations to go back to, rename, keep elsewhere and delete."""

from collections.abc import Callable
from datetime import UTC, datetime

import streamlit as st

from primer.serve.shown import as_label
from primer.serve.store import Conversation, Store, file_name
from primer.serve.views.controls import note_change, was_changed
from primer.serve.views.resources import kept, open_desk

NUM_LISTED = 40


def show_history(store: Store, current: Conversation | None, go_to: Callable[[int | None], None]) -> None:
    """Draw it. `go_to` opens a conversation, or a new one."""
    with st.sidebar:
        if st.button("New chat", icon=":material/edit_square:", key="new-chat", width="stretch"):
            go_to(None)
        if current is not None:
            show_menu(store, current, go_to)
        search = st.text_input(
            "Search", key="search", placeholder="Search conversations", icon=":material/search:",
            label_visibility="collapsed",
        )  # fmt: skip
        found = store.conversations(search, NUM_LISTED + 1)  # one more tells that there are more
        if not found:
            st.caption("Nothing has these words." if search else "Your conversations will be listed here.")
        with st.container(gap=None):
            for i, summary in enumerate(found[:NUM_LISTED]):
                day = day_of(summary.updated)
                if i == 0 or day != day_of(found[i - 1].updated):
                    st.caption(day)
                label = as_label(summary.title, 34)
                is_current = current is not None and current.id == summary.id
                if st.button(f"**{label}**" if is_current else label, key=f"open-{summary.id}", type="tertiary"):
                    go_to(summary.id)
        if len(found) > NUM_LISTED:
            st.caption(f"These are the newest {NUM_LISTED}. Search finds the others.")


def show_menu(store: Store, current: Conversation, go_to: Callable[[int | None], None]) -> None:
    """Rename, export and delete the conversation that is shown."""
    with st.popover("This chat", icon=":material/more_horiz:", width="stretch"):
        key = f"title-{current.id}"
        title = st.text_input("Title", current.title, 100, key, on_change=note_change, args=(key,))
        if was_changed(key) and title.strip():
            with kept():
                store.update(current.id, title=title.strip())
                st.rerun()
        for name, ending, export in (("JSON", "json", store.export_json), ("Markdown", "md", store.export_markdown)):
            st.download_button(
                f"Save as {name}", export(current.id), file_name(current.title, ending), on_click="ignore",
                icon=":material/download:", key=f"export-{ending}", width="stretch",
            )  # fmt: skip
        is_sure = st.checkbox("Delete it for good", key=f"sure-{current.id}")
        if st.button("Delete", icon=":material/delete:", key="delete", disabled=not is_sure, width="stretch"):
            with kept():
                open_desk().clear(current.id)
                store.delete(current.id)
                go_to(None)


def day_of(moment: datetime) -> str:
    """Today, Yesterday, or Earlier, by this machine's calendar."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    days = (datetime.now().date() - aware.astimezone().date()).days
    return "Today" if days <= 0 else "Yesterday" if days == 1 else "Earlier"
