"""What a visitor chooses: the model, what the assistant is to be, and how its answers are drawn."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import streamlit as st

from primer.serve.client import ServedModel, Settings
from primer.serve.personas import EXAMPLES, PERSONAS

OWN_WORDS = "My own words"


def note_change(key: str) -> None:
    """For `on_change`: the visitor has changed what has this key."""
    st.session_state[f"{key}-changed"] = True


def was_changed(key: str) -> bool:
    """Whether the visitor has just done so. What a widget says may differ from what is kept for other reasons: another
    window has changed it, or a model is not there any more."""
    return bool(st.session_state.pop(f"{key}-changed", False))


@dataclass(frozen=True)
class Chosen:
    """How the next answer is to be given."""

    model: ServedModel | None
    """None: there is no server."""
    system: str
    settings: Settings

    def to_json(self) -> dict[str, Any]:
        """What a conversation remembers beside its system prompt."""
        return {"model": self.model.name, **asdict(self.settings)} if self.model else {}


def choose_model(
    models: Sequence[ServedModel], key: str, default: str = "", label: str = "Model"
) -> ServedModel | None:
    """A list to choose from; nothing while there is no server. `key` tells one place from another."""
    names = [model.name for model in models]
    if not names:
        return None
    index = names.index(default) if default in names else 0
    name = st.selectbox(
        label, names, index, key=f"{key}-model", on_change=note_change, args=(key,), label_visibility="collapsed",
        width=200,
    )  # fmt: skip
    return models[names.index(name)]


def choose_settings(key: str, system: str = "", remembered: dict[str, Any] | None = None) -> tuple[str, Settings]:
    """System prompt and sampling, folded behind a button."""
    noted: Any = {"on_change": note_change, "args": (key,)}
    given = {field.name: (remembered or {}).get(field.name, field.default) for field in fields(Settings)}
    with st.popover("Settings", icon=":material/tune:"):
        system = choose_system(key, system)
        temperature = st.slider(
            "Temperature", 0.0, 2.0, float(given["temperature"]), 0.05, key=f"{key}-temperature", **noted,
            help="0: always the likeliest word. 1: as the model was trained. Higher: more surprising.",
        )  # fmt: skip
        top_p = st.slider(
            "Top-p", 0.05, 1.0, float(given["top_p"]), 0.05, key=f"{key}-top_p", **noted,
            help="Draw only from the likeliest tokens that together have this probability. 1: from all.",
        )  # fmt: skip
        top_k = st.number_input(
            "Top-k", 0, 1000, int(given["top_k"]), key=f"{key}-top_k", **noted,
            help="Draw only from so many of the likeliest tokens. 0: from all. Known to Primer's own server.",
        )  # fmt: skip
        max_tokens = st.number_input(
            "Longest answer, in tokens", 1, 100_000, int(given["max_tokens"]), 16, key=f"{key}-max_tokens",
            **noted,
        )  # fmt: skip
    return system, Settings(temperature, top_p, top_k, max_tokens)


def choose_system(key: str, system: str) -> str:
    """A system prompt: a ready one, or the visitor's own words."""
    text_key, persona_key = f"{key}-system", f"{key}-persona"
    named = next((name for name, prompt in PERSONAS.items() if prompt == system), OWN_WORDS)

    def take() -> None:
        st.session_state[text_key] = PERSONAS.get(st.session_state[persona_key], st.session_state[text_key])
        note_change(key)

    names = [*PERSONAS, OWN_WORDS]
    st.selectbox("The assistant is", names, names.index(named), key=persona_key, on_change=take)
    text = st.text_area(
        "System prompt",
        system,
        key=text_key,
        on_change=note_change,
        args=(key,),
        height=90,
        placeholder="What the assistant is told before the conversation.",
    )
    return text.strip()


def show_examples(is_ready: bool) -> str | None:
    """Questions to begin with. Returns the one that was chosen."""
    columns = st.columns(2)
    pressed = [
        columns[i % 2].button(example, key=f"example-{i}", width="stretch", disabled=not is_ready)
        for i, example in enumerate(EXAMPLES)
    ]
    return EXAMPLES[pressed.index(True)] if any(pressed) else None
