"""Characters for random text."""

from __future__ import annotations

# Of every length in UTF-8, and those that parsers trip over. Hypothesis' own alphabet would read
# all of Unicode's tables first: three seconds in a fresh clone.
ALPHABET = "".join(
    map(
        chr,
        (
            *range(0x100),
            *range(0x3B0, 0x3D0),  # two bytes, a letter with two lower cases among them
            *range(0x0300, 0x0304),  # they combine with the character before
            *(0x0800, 0x200B, 0x2028, 0x202E, 0x20AC, 0xD7FF, 0xE000, 0xFEFF, 0xFFFD, 0xFFFF),
            *(0x10000, 0x1F1E6, 0x1F600, 0xE0001, 0x10FFFF),
        ),
    )
)
