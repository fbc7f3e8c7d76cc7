"""What names say, and patterns that are refused."""

from __future__ import annotations

import pytest

from lamina.data.examples import Reading
from lamina.data.name_pattern import NamePattern, name_pattern
from lamina.data.sound_files import ENDING
from lamina.errors import OptionError


def pattern(text: str | None, *, target: str | None = None, group: str | None = None) -> NamePattern | None:
    return name_pattern(Reading(label_from_name=text, target=target, group=group), ENDING)


@pytest.mark.parametrize(
    ("text", "stem", "parts"),
    [
        ("{digit}_{speaker}_{take}", "7_theo_12", {"digit": "7", "speaker": "theo", "take": "12"}),
        ("{word}-{rest}", "go-a-b", {"word": "go", "rest": "a-b"}),  # a part ends at the first text behind it
        ("{digit}", "7_theo", {"digit": "7_theo"}),
        ("speech.{word}(1)", "speech.yes(1)", {"word": "yes"}),  # no character but braces means anything
        ("{the word}_{1}", "yes_3", {"the word": "yes", "1": "3"}),
        ("{digit}_{speaker}", "7theo", None),
        ("{digit}_{speaker}", "_theo", None),  # no part is empty
        ("a_{digit}", "b_7", None),
    ],
)
def test_parts(text: str, stem: str, parts: dict[str, str] | None) -> None:
    assert NamePattern(text).parts_of(stem) == parts


def test_an_ending_in_the_pattern_is_passed_over() -> None:
    found = pattern("{digit}_{speaker}.wav", target="digit", group="speaker")
    assert found == NamePattern("{digit}_{speaker}", "digit", "speaker")
    assert pattern(None) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("digit_speaker", "names no part"),
        ("", "names no part"),
        ("{}_{speaker}", "a part without a name"),
        ("{a}_{a}", "names a part twice"),
        ("{a}{b}", "nothing between two parts"),
        ("{a}_{b", "a brace too many"),
        ("{{a}}_b", "a brace too many"),
    ],
)
def test_patterns_that_are_refused(text: str, why: str) -> None:
    with pytest.raises(OptionError, match=why) as caught:
        pattern(text)
    assert "--label-from-name" in caught.value.mend
    assert caught.value.exit_code == 2


def test_a_target_or_a_group_that_is_no_part() -> None:
    with pytest.raises(OptionError, match="'digits'") as caught:
        pattern("{digit}_{speaker}", target="digits")
    assert caught.value.mend == "--target digit"
    with pytest.raises(OptionError, match="'Speaker'") as caught:
        pattern("{digit}_{speaker}", group="Speaker")
    assert caught.value.expected == "One of digit, speaker."
    assert caught.value.mend == "--group speaker"


@pytest.mark.parametrize("asked", [{"target": "digit"}, {"group": "speaker"}])
def test_a_target_or_a_group_without_a_pattern(asked: dict[str, str]) -> None:
    with pytest.raises(OptionError, match="nothing says where"):
        pattern(None, **asked)
