# SPDX-License-Identifier: GPL-2.0-or-later
"""Protects that an error in a TOML file names the line where the key stands, or none."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.scenario.kinds import Path
from ghostswap.scenario.toml_lines import find_line

TEXT = r'''
ram = "16G" # [x]
a.b = 1
d = 1979-05-27 07:32:00 # d2 = 3
s = """
[group.x]
y = 1 \""" z"""""
l = """
[group.q]"""
[group.web]  # [group.mail]
parent = "x"
swap_tiers_max = { ssd = "max", "h d\u0061" = ["0", # no more
 { q = 3 } ] }
[[area]]
path = 'x\'
[[area]]
 [area.sub]
 k = 1
[[ "area" . x ]]
k = 2
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("ram",), 2),
        (("a",), 3),
        (("a", "b"), 3),
        (("d",), 4),
        (("d2",), None),
        (("s",), 5),
        (("y",), None),
        (("l",), 8),
        (("group",), 10),
        (("group", "web"), 10),
        (("group", "mail"), None),
        (("group", "web", "parent"), 11),
        (("group", "web", "swap_tiers_max", "ssd"), 12),
        (("group", "web", "swap_tiers_max", "h da"), 12),
        (("group", "web", "swap_tiers_max", "h da", 1, "q"), 13),
        (("area", 0), 14),
        (("area", 0, "path"), 15),
        (("area", 1), 16),
        (("area", 1, "sub", "k"), 18),
        (("area", 1, "x", 0, "k"), 20),
        (("area", 2), None),
    ],
)
def test_lines_of_keys(path: Path, line: int | None) -> None:
    tomllib.loads(TEXT)
    assert find_line(TEXT, path) == line
    assert find_line(TEXT.replace("\n", "\r\n"), path) == line


@dataclass
class Writer:
    """Writes a random document, each key once, and notes the lines."""

    rng: Random
    text: str = ""
    lines: dict[Path, int] = field(default_factory=dict)
    keys: int = 0

    @property
    def line(self) -> int:
        return self.text.count("\n") + 1

    def write(self, text: str) -> None:
        self.text += text

    def new_key(self, above: Path) -> tuple[str, Path]:
        self.keys += 1
        name = self.rng.choice(["k{}", "k-{}", "k {}", "k.{}", "k\u00e9{}", 'k"{}', "k]#{}", "{}"])
        name = name.format(self.keys)
        is_bare = name.isascii() and name.replace("-", "").isalnum()
        path = (*above, name)
        self.lines[path] = self.line
        return (name if is_bare else json.dumps(name)), path

    def space(self) -> None:
        decoys = [f"# k{self.rng.randrange(20)} = 1\n", "\n", "# [k2]\n", "  \t", "", ""]
        self.write(self.rng.choice(decoys))

    def value(self, path: Path, depth: int, one_line: bool) -> None:
        rng = self.rng
        kind = rng.randrange(9 if depth else 6)
        if kind == 6:
            self.write("{ ")
            for number in range(rng.randrange(3)):
                self.write(", " if number else "")
                self.pair(path, depth - 1, True)
            self.write(" }")
        elif kind >= 7:
            count = rng.randrange(3)
            self.write("[")
            for number in range(count):
                self.write(", " if number else "")
                if not one_line:
                    self.write(rng.choice(["\n", " # [k3]\n", ""]))
                self.lines[(*path, number)] = self.line
                self.value((*path, number), depth - 1, one_line)
            self.write(rng.choice(["]", " ]", ",]" if count else "]"]))
        elif one_line or kind < 3:
            simple = ["1", '"k1 = 2"', "'[k1]\\'", "1979-05-27 07:32:00", "-1.5e3", "true", '"\\""']
            self.write(rng.choice(simple))
        else:
            quotes = rng.choice(["'''", '"""'])
            inner = rng.choice(["\nk1 = 1\n", "\n[k2]\nk3=", "\n''\n# ", '\n"" ""\n', "a\n\n"])
            self.write(f"{quotes}{inner}{quotes}")

    def pair(self, above: Path, depth: int, one_line: bool) -> None:
        key, path = self.new_key(above)
        for _ in range(self.rng.choice([0, 0, 1])):
            more, path = self.new_key(path)
            key += self.rng.choice([".", " . "]) + more
        self.write(f"{key}{self.rng.choice(['=', ' = '])}")
        self.value(path, depth, one_line)

    def pairs(self, above: Path) -> None:
        for _ in range(self.rng.randrange(3)):
            self.space()
            self.write("\n")
            self.pair(above, 3, False)
        self.write("\n")

    def document(self) -> None:
        self.pairs(())
        for _ in range(self.rng.randrange(4)):
            self.space()
            self.write("\n")
            key, path = self.new_key(())
            if self.rng.random() < 0.5:
                self.write(f"[{key}]")
                self.pairs(path)
                continue
            for number in range(self.rng.randrange(1, 3)):
                self.write("\n")
                self.lines[(*path, number)] = self.line
                if not number:
                    self.lines[path] = self.line
                self.write(f"[[ {key} ]] # and so on")
                self.pairs((*path, number))
                if self.rng.random() < 0.5:
                    self.write("\n")
                    inner, inner_path = self.new_key((*path, number))
                    self.write(f"[{key}.{inner}]")
                    self.pairs(inner_path)


def look_up(values: Any, path: Path) -> Any:
    for part in path:
        values = values[part]
    return values


@given(st.randoms(use_true_random=False))
def test_the_line_found_is_where_the_key_was_written(rng: Random) -> None:
    """With decoys in comments and in strings of several lines."""
    writer = Writer(rng)
    writer.document()
    values = tomllib.loads(writer.text)
    for path, line in writer.lines.items():
        look_up(values, path)  # the writer knows what it wrote
        assert find_line(writer.text, path) == line, (path, writer.text)


@given(st.text("[]{}=.,#\"'\\\n\r ak1"))
def test_no_text_upsets_the_scan(text: str) -> None:
    """Any line, or none: only what is TOML gets this far, but newer TOML may be another."""
    line = find_line(text, ("a",))
    assert line is None or "a" in text.split("\n")[line - 1]
