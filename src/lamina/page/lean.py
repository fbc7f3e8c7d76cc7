"""Lean: the page's modules and style sheets as they are sent, without what is there for those who write them."""

from __future__ import annotations

import re

INDENT = re.compile(r"^[ \t]+", re.MULTILINE)
REMARK = re.compile(r"^//.*$", re.MULTILINE)
BLOCK = re.compile(r"/\*.*?\*/", re.DOTALL)


def lean(text: str, suffix: str) -> str:
    r"""A module (".js") without the comments that have a line of their own and without indentation, a style sheet
    (".css") without comments and indentation; each line stays where it is, so that a browser names the right one.

    No template literal of the page's modules runs over several lines: a test holds them to that.

    >>> lean("// Twice.\nexport function twice(x) {\n  return 2 * x; // both\n}\n", ".js")
    '\nexport function twice(x) {\nreturn 2 * x; // both\n}\n'
    >>> lean("/* quiet */\np {\n  margin: 0;\n}", ".css")
    '\np {\nmargin: 0;\n}'
    """
    if suffix == ".css":
        text = BLOCK.sub(lambda found: "\n" * found[0].count("\n"), text)
    text = INDENT.sub("", text)
    return REMARK.sub("", text) if suffix == ".js" else text
