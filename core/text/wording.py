"""Texts that name people: ids are stored, and the current names are inserted when the text is read (`told_text` in SQL)."""

from collections.abc import Mapping
from string import Formatter
from uuid import UUID

import msgspec

from core.base.people import Person

SOMEONE = "Someone"
PREVIEW = 140  # characters of a message that lists and notifications show


class Wording(msgspec.Struct, frozen=True):
    """`pieces` of a text, and the person after each of them; none after the last one."""

    pieces: list[str]
    people: list[Person]

    @property
    def ids(self) -> list[UUID]:
        """The ids of the people, as stored."""
        return [person.id for person in self.people]

    def text(self) -> str:
        """Return the text with the current names."""
        return self._filled([person.name for person in self.people])

    def nameless(self) -> str:
        """Return the text without names, stored for readers that ignore the wording."""
        return self._filled([SOMEONE] * len(self.people))

    def _filled(self, names: list[str]) -> str:
        return "".join(piece + name for piece, name in zip(self.pieces, [*names, ""], strict=True))


def worded(template: str, values: Mapping[str, object]) -> Wording:
    """Fill a template in the style of str.format; a value of type Person stays a reference, all others become text."""
    pieces, people = [""], list[Person]()
    for literal, name, _, _ in Formatter().parse(template):
        pieces[-1] += literal
        value = "" if name is None else values[name]
        if isinstance(value, Person):
            people.append(value)
            pieces.append("")
        else:
            pieces[-1] += str(value)
    return Wording(pieces, people)


def said(alias: str, most: int | None = None) -> str:
    """Return the SQL of a message's text as `shown`, at most so many characters of it; a sealed one whole, with its place."""
    text, place = shown(alias, "body"), f"placed({alias}.body, 'messages.body ' || {alias}.id)"
    return (
        f"case when is_sealed({alias}.body) then {place} else {text if most is None else f'left({text}, {most})'} end"
    )


def shown(alias: str, text: str) -> str:
    """Return the SQL of a row's text (column `text`), with the current names if it has a wording."""
    return f"case when {alias}.wording is null then {alias}.{text} else told_text({alias}.wording, {alias}.people) end"
