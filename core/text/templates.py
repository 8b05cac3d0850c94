"""Templates of text messages: their words by language, and the parts in which they go out (GSM 03.38, 3GPP TS 23.038)."""

from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Final

import msgspec

GSM: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
ESCAPED: Final = frozenset("\f^{}\\[~]|€")  # each takes the room of two
# Characters of one part, and of each of several, which begin with a header: in GSM 03.38, else in UCS-2.
GSM_ROOM: Final = (160, 153)
UCS2_ROOM: Final = (70, 67)
MOST_PARTS: Final = 4  # each is paid for
MAX_VALUE: Final = 60  # characters of a value that is filled in


class WhatsAppTemplate(msgspec.Struct, frozen=True):
    """A template as it was approved at WhatsApp.

    `parameters`: the values in its body, in order; `copies`: the value that its copy-code button copies; `languages`: WhatsApp's
    names of those languages that it calls otherwise (en: en_US).
    """

    name: str
    parameters: tuple[str, ...] = ()
    copies: str = ""
    languages: dict[str, str] = {}


class TextTemplate(msgspec.Struct, frozen=True):
    """A text message. `texts` are as for str.format, by language (BCP 47); the first is for everybody with another one.

    `whatsapp`: None: it does not go out there.
    """

    name: str
    texts: dict[str, str]
    whatsapp: WhatsAppTemplate | None = None

    def language(self, wanted: str) -> str:
        """Return the one of its languages that is nearest to a wanted one (ar-SA: ar)."""
        known = {one.lower(): one for one in self.texts}
        tag = wanted.lower().replace("_", "-")
        return known.get(tag) or known.get(tag.partition("-")[0]) or next(iter(self.texts))

    def problems(self, sample: Mapping[str, str] | None = None, most_parts: int = MOST_PARTS) -> Iterator[str]:
        """Yield what is wrong with it; `sample`: the longest values, if they are known."""
        fields = [_fields(text) for text in self.texts.values()] or [set[str]()]
        if not self.texts:
            yield f"text {self.name!r}: has no language"
        values = sample or dict.fromkeys(fields[0], "0" * MAX_VALUE)
        for (language, text), used in zip(self.texts.items(), fields, strict=False):
            if used != fields[0] or not used <= values.keys():
                yield f"text {self.name!r}: has the placeholders {sorted(used)} in {language}"
            elif (parts := parts_of(text.format_map(values))) > most_parts:
                yield f"text {self.name!r}: goes out in {parts} parts in {language}, of at most {most_parts}"
        of_whatsapp = self.whatsapp or WhatsAppTemplate("")
        if unknown := {*of_whatsapp.parameters, of_whatsapp.copies} - {*values, ""}:
            yield f"text {self.name!r}: WhatsApp's parameters {sorted(unknown)} are no placeholders"


CODE: Final = TextTemplate(
    "code",
    # Latin letters, so that it is one part: 160 of them, but 70 as soon as one letter is in another script.
    {"en": "{code} is your code for {title}. It is good for {minutes} minutes. Never tell it to anybody."},
)


def parts_of(text: str) -> int:
    """Return the number of messages that a text is sent, and paid for, as; no character is split between two."""
    if set(text) <= GSM | ESCAPED:
        sizes, (single, many) = [1 + (one in ESCAPED) for one in text], GSM_ROOM
    else:
        sizes, (single, many) = [1 + (one > "\uffff") for one in text], UCS2_ROOM
    if sum(sizes) <= single:
        return 1
    parts, room = 1, many
    for size in sizes:
        if size > room:
            parts, room = parts + 1, many
        room -= size
    return parts


def filled_in(values: Mapping[str, object]) -> dict[str, str]:
    """Return values as templates take them: one line each, not too long. WhatsApp refuses line breaks and many blanks."""
    return {name: " ".join(str(value).split())[:MAX_VALUE] for name, value in values.items()}


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
