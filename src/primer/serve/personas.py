"""Ready-made system prompts, and questions to begin with.

The prompts are worded as the built-in lessons word theirs, so that a model of a few million parameters obeys them too.
"""

PERSONAS: dict[str, str] = {
    "No instructions": "",
    "Helpful assistant": "You are a helpful assistant.",
    "In capitals": "Always write in capital letters.",
    "Ship's captain": "Begin every answer with Ahoy!",
    "Butler": "In every answer, call the user Sir.",
    "One word": "Answer in one word.",
}

EXAMPLES: tuple[str, ...] = (
    "What is 127 + 358?",
    "Spell the word lantern backwards.",
    "Write a short story about a fox.",
    "Who are you?",
)
