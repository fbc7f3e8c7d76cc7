"""What the name of a file says: "{digit}_{speaker}_{take}" finds the label, and what keeps files together, in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from lamina.data.examples import Reading
from lamina.errors import OptionError

OPTION = "--label-from-name"
EXAMPLE = f'{OPTION} "{{digit}}_{{speaker}}_{{take}}"'


@dataclass(frozen=True)
class NamePattern:
    """The parts of a name in braces, which of them is the ``label`` (None: nobody said), and which is the ``group``.

    A part ends where the text behind it in the pattern begins; the last one takes the rest.

    >>> NamePattern("{digit}_{speaker}_{take}").parts_of("7_theo_12")
    {'digit': '7', 'speaker': 'theo', 'take': '12'}
    """

    pattern: str
    label: str | None = None
    group: str | None = None

    @property
    def parts(self) -> list[str]:
        """The names in braces, in order."""
        return re.findall(r"\{(.*?)\}", self.pattern)

    def parts_of(self, stem: str) -> dict[str, str] | None:
        """What each part is in a name without its ending, or None where it doesn't fit.

        >>> print(NamePattern("{digit}_{speaker}").parts_of("noise"))
        None
        """
        # A name in braces may be anything, so that the regular expression counts its parts.
        found = re.fullmatch(re.sub(r"\\\{.*?\\\}", "(.+?)", re.escape(self.pattern)), stem, re.DOTALL)
        return dict(zip(self.parts, found.groups(), strict=True)) if found else None


def name_pattern(reading: Reading, holds: re.Pattern[str]) -> NamePattern | None:
    """The pattern that was asked for, checked; None where none was. An ending that ``holds`` matches is cut off.

    Raises OptionError for a pattern without parts, with one twice or with nothing between two, and for a target or a
    group that is none of its parts, or that is asked for without a pattern.
    """
    if reading.label_from_name is None:
        for option, value in (("--target", reading.target), ("--group", reading.group)):
            if value is not None:
                raise OptionError(
                    f"{option} is {value!r}, and nothing says where the names of the recordings have it.",
                    expected=f"{option} with {OPTION}, of whose parts it is one.",
                    mend=EXAMPLE,
                )
        return None
    pattern = NamePattern(holds.sub("", reading.label_from_name), reading.target, reading.group)
    _check_pattern(pattern)
    _check_part("--target", pattern.label, pattern)
    _check_part("--group", pattern.group, pattern)
    return pattern


def _check_pattern(pattern: NamePattern) -> None:
    parts = pattern.parts
    why = ""
    if not parts:
        why = "names no part"
    elif "" in parts or len(set(parts)) < len(parts):
        why = "has a part without a name" if "" in parts else "names a part twice"
    elif "}{" in pattern.pattern or re.search(r"[{}]", re.sub(r"\{.*?\}", "", pattern.pattern)):
        why = "has nothing between two parts" if "}{" in pattern.pattern else "has a brace too many"
    if why:
        raise OptionError(
            f"{OPTION} {pattern.pattern!r} {why}.",
            expected="Parts in braces, with text between them, as the names have them without their ending.",
            mend=EXAMPLE,
        )


def _check_part(option: str, name: str | None, pattern: NamePattern) -> None:
    if name is not None and name not in pattern.parts:
        near = (get_close_matches(name, pattern.parts, 1, 0) or pattern.parts)[0]
        raise OptionError(
            f"{option} is {name!r}, and {pattern.pattern!r} has no such part.",
            expected=f"One of {', '.join(pattern.parts)}.",
            mend=f"{option} {near}",
        )
