"""The forms in which the simulated VLM spoils an answer, as real ones do now and then."""

import json
import random
from collections.abc import Callable


def malformed(text: str, draw: random.Random) -> str:
    """One of FORMS of ``text``, the JSON that was asked for."""
    return draw.choice(FORMS)(text, draw)


def _cut_short(text: str, draw: random.Random) -> str:
    return text[: draw.randrange(len(text) // 3, len(text))]


def _single_quotes(text: str, draw: random.Random) -> str:
    return text.replace('"', "'")


def _fenced(text: str, draw: random.Random) -> str:
    return f"Here is the answer:\n```json\n{text}\n```\nLet me know if you need anything else."


def _headings(text: str, draw: random.Random) -> str:
    document = json.loads(text)
    if "contact" not in document:
        return f"```\n{json.dumps(document, indent=1)}"
    return "\n".join(
        f"{key}: {value if isinstance(value, str) else ', '.join(value)}"
        for key, value in document.items()
    )


def _refusal(text: str, draw: random.Random) -> str:
    return "I'm sorry, but I cannot tell what is to be seen in this image."


FORMS: tuple[Callable[[str, random.Random], str], ...] = (
    _cut_short,
    _single_quotes,
    _fenced,
    _headings,
    _refusal,
)
