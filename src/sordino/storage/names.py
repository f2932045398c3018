"""Text that becomes a file name or a cell of a table."""

from __future__ import annotations

import hashlib
import re
from typing import Final

LONGEST_NAME: Final = 100
"""Characters of a safe name: with a suffix it stays below the 255 bytes of common file systems."""

_FORMULA: Final = tuple("=+-@\t\r\n＝＋－＠")
"""The first character of a formula in a spreadsheet."""


def cell(text: str) -> str:
    """Text for a cell of a CSV table: a spreadsheet displays it and does not run it as a formula.

    Text that begins like a formula gets a quote mark before it. A minus sign alone (standard input)
    is no formula.

    >>> cell("=1+1"), cell("sad"), cell("-")
    ("'=1+1", 'sad', '-')
    """
    formula = text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA)
    return f"'{text}" if formula and text != "-" else text


# compiled on first use: a runtime of vectors names no file
_SAFE: Final = r"[a-z0-9_][a-z0-9._+=-]*"
_CHANGED: Final = r".*-[0-9a-f]{12}"
"""The end of every changed name: no unchanged name may look like one."""
_RESERVED: Final = r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?"
"""Names of devices on Windows."""


def safe_name(text: str) -> str:
    """A file name for any text: no folder, no hidden file, no reserved name; different texts have
    different names.

    Plain names do not change. Otherwise each character that a file system may refuse or confuse
    becomes `_`, and a part of the text's SHA-256 is added. This includes capital letters, since
    some file systems ignore case.

    >>> safe_name("sad-0"), safe_name("../../escaped")
    ('sad-0', '_.._escaped-ea03bc47f879')
    >>> safe_name("Sad") == safe_name("sad")
    False
    """
    plain = re.fullmatch(_SAFE, text) and not re.fullmatch(f"{_CHANGED}|{_RESERVED}", text)
    if plain and len(text) <= LONGEST_NAME and not text.endswith("."):
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    readable = re.sub(r"[^A-Za-z0-9._+=-]+", "_", text, flags=re.ASCII)[: LONGEST_NAME - 20].lstrip(
        ".-"
    )
    return (
        f"{readable or 'unnamed'}-{digest}"
        if not re.fullmatch(_RESERVED, readable.lower())
        else f"_{readable}-{digest}"
    )
