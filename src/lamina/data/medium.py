"""What labelled files hold, images or recordings: how they are known by their names, and how one speaks of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.data.examples import Note
from lamina.errors import DataError

if TYPE_CHECKING:
    from lamina.data.media_files import MediaFile


@dataclass(frozen=True)
class Medium:
    """Images or recordings.

    ``one`` and ``many`` are its words, ``alike`` says how two are equal, ``ending`` is that of an example's name,
    ``holds`` says whether a file's name is that of one; ``formats`` are those that are read, and ``anew`` is what to
    save a damaged one as.
    """

    one: str
    many: str
    alike: str
    ending: str
    holds: Callable[[str], bool]
    formats: str
    anew: str

    def counted(self, count: int) -> str:
        """So many of them.

        >>> medium = Medium("image", "images", "pixel by pixel", "png", bool, "Images.", "PNG")
        >>> medium.counted(1), medium.counted(1200)
        ('1 image', '1,200 images')
        """
        return f"1 {self.one}" if count == 1 else f"{count:,} {self.many}"

    def layout(self, place: str) -> str:
        """How class folders in ``place`` look."""
        first, second = f"{place}/cats/1.{self.ending}", f"{place}/dogs/2.{self.ending}"
        return f"One folder for each class, with its {self.many} inside: {first}, {second}, ..."

    def check_counts(self, counts: Counter[str], where: str) -> None:
        """Raise DataError for a single class, and for classes of one file."""
        if len(counts) == 1:
            raise DataError(
                f"{where} holds only one class, {next(iter(counts))!r}.",
                expected="At least two classes to tell apart.",
                mend=f"Add {self.many} of at least one other class.",
            )
        single = [label for label, count in counts.items() if count < 2]
        if single:
            raise DataError(
                f"{'Class' if len(single) == 1 else 'Classes'} {some(single)} of {where}: one {self.one} only.",
                expected=f"At least two {self.many} of each class: one to train on and one to judge on.",
                mend=f"Add {self.many} of {some(single)}, or remove {'it' if len(single) == 1 else 'them'}.",
            )

    def skipped_notes(self, files: Sequence[MediaFile], failures: Mapping[int, str]) -> tuple[Note, ...]:
        """Which of the files could not be read, and why, by number."""
        if not failures:
            return ()
        named = "; ".join(f"{files[i].name} ({why})" for i, why in sorted(failures.items())[:10])
        more = f"; and {len(failures) - 10:,} more" if len(failures) > 10 else ""
        verb = "is" if len(failures) == 1 else "are"
        text = f"{self.counted(len(failures))} that can't be read {verb} skipped: {named}{more}."
        return (Note(f"corrupt-{self.many}", text, matters=True),)

    def nothing_readable(self, place: str, count: int, failures: Mapping[int, str]) -> DataError:
        """The error for a place where none of ``count`` files can be read."""
        why = next(iter(failures.values()), "there is none")
        return DataError(
            f"None of the {count:,} {self.many} of {place} can be read: {why}.",
            expected=self.formats,
            mend=f"Save them anew as {self.anew}.",
        )


def some(names: Sequence[str], most: int = 5) -> str:
    """The first names, quoted, and how many more.

    >>> some(["a", "b", "c"], 2)
    "'a', 'b' and 1 more"
    """
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
