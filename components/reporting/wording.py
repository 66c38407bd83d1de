"""Numbers and texts as people read them."""

from __future__ import annotations

import math
import re

TEXT_LIMIT = 400
NOTHING = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"
_PLAIN_FROM, _PLAIN_TO = 1e-3, 1e6
_SMALLEST_SHARE = 1e-4
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# Control characters but tab and newline, and what turns the direction of the text around it.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def number_text(value: float) -> str:
    """Return a number with three digits, such as 0.0075, 12,300 or 7.9 times 10⁻⁸."""
    if not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    if _PLAIN_FROM <= abs(value) < _PLAIN_TO:
        digits = max(0, 2 - math.floor(math.log10(abs(value))))
        text = f"{value:,.{digits}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}{TIMES}{power_text(int(exponent))}"


def power_text(exponent: int) -> str:
    """Return a power of ten: 1, 10, 10⁻⁴."""
    if exponent in (0, 1):
        return str(10**exponent)
    return f"10{str(exponent).translate(_SUPERSCRIPTS)}"


def ratio_text(ratio: float | None) -> str:
    """Return a ratio to the tolerance; None, which no tolerance allows, is infinite."""
    return "∞" if ratio is None else number_text(ratio)


def share_text(share: float) -> str:
    """Return a share as a percentage that never reads as none or all where it is not."""
    if 0 < share < _SMALLEST_SHARE:
        return "under 0.01%"
    if 1 - _SMALLEST_SHARE < share < 1:
        return "over 99.99%"
    return f"{share:.2%}"


def count_text(count: int) -> str:
    """Return a count with its thousands apart."""
    return f"{count:,}"


def short_count_text(count: int) -> str:
    """Return a count in up to four characters: 950, 1.2k, 34k, 5.6M."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            quotient = count / size
            return f"{quotient:.1f}{unit}" if quotient < 10 else f"{quotient:.0f}{unit}"  # noqa: PLR2004
    return str(count)


def visible_text(text: str) -> str:
    """Return a text whose unseen characters are written out, so that they cannot deceive."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def short_text(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return a text's beginning, with its length where it is cut."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"
