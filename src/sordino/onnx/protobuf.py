"""Reads the wire format of protocol buffers by a table of fields, from untrusted bytes.

A table names each message that may occur and each of its fields by number. `parse_message` refuses
everything that two readers could understand in two ways: an unknown field number, another wire
type, a group, a singular field that occurs twice, an integer that is longer than necessary, a
length beyond the end of its message. Long values are not copied: a `bytes` field is a `memoryview`
of the content. (Libraries of protocol buffers accept these.)

Lists of integers are read packed and unpacked. Packed lists of other numbers have a table that
calls them `bytes`.

Source: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol

VARINT: Final = 0
FIXED64: Final = 1
LENGTH: Final = 2
FIXED32: Final = 5

WIRE: Final = {"int": VARINT, "int32": VARINT, "double": FIXED64, "float": FIXED32}
"""The wire type of each scalar; `bytes`, `text` and messages have a length."""

TEXT_BYTES: Final = 256
"""The longest text; names of values and operators have a tenth of that."""


class MalformedError(ValueError):
    """The bytes do not follow the table."""


class Field(NamedTuple):
    """One field of a message."""

    name: str
    """The key of the value in a `Message`."""
    kind: str
    """`int` (two's complement of 64 bits), `int32` (the same for a number of at most 32 bits, since
    other readers cut a larger one), `float`, `double`, `bytes`, `text`, or the name of a message.
    """
    repeated: bool = False
    """Whether the value is a list."""
    refused: str = ""
    """The reason if no message may have this field. It is read all the same, since its content may
    contain a worse field.
    """


Schema = Mapping[str, Mapping[int, Field]]
Message = dict[str, Any]
"""Values by the name of the field: a list where the field is repeated; absent fields are absent."""


class Bounds(NamedTuple):
    """The limits of a message."""

    fields: int
    """The number of fields, and of numbers in packed lists of integers."""
    entries: int
    """Messages in one repeated field."""
    depth: int
    """Messages inside messages."""


class Visitor(Protocol):
    """Receives the parts of a file while it is read, up to the first fault."""

    def refuse(self, reason: str) -> None:
        """A field that no message may have."""

    def visit(self, kind: str, message: Message) -> None:
        """A complete message; messages inside it come first."""


def parse_message(
    content: bytes, schema: Schema, root: str, bounds: Bounds, visitor: Visitor
) -> Message:
    """The message `root`, which must span all of `content`.

    Raises `MalformedError` where the bytes do not follow the schema or exceed the bounds.
    """
    return _Reader(content, schema, bounds, visitor).message(root, 0, len(content), bounds.depth)


class _Reader:
    def __init__(self, content: bytes, schema: Schema, bounds: Bounds, visitor: Visitor) -> None:
        self.content, self.schema, self.bounds, self.visitor = content, schema, bounds, visitor
        self.view = memoryview(content)
        self.left = bounds.fields

    def message(self, kind: str, at: int, end: int, depth: int) -> Message:
        """The message between two positions."""
        if not depth:
            raise MalformedError(f"messages nested over {self.bounds.depth} deep")
        fields, content = self.schema[kind], self.content
        values: Message = {}
        while at < end:
            self._count()
            tag = content[at]
            if tag < 128:  # the usual case
                at += 1
            else:
                tag, at = self._varint(at, end)
            field = fields.get(tag >> 3)
            if field is None:
                raise MalformedError(f"field {tag >> 3} of {kind}, which is unknown")
            if field.refused:
                self.visitor.refuse(field.refused)
            if tag & 7 == WIRE.get(field.kind, LENGTH):
                value, at = self._value(field.kind, at, end, depth)
                self._add(values, field, value)
            elif tag & 7 == LENGTH and field.repeated and field.kind in ("int", "int32"):
                start, at = self._span(at, end)
                values.setdefault(field.name, []).extend(self._packed(field.kind, start, at))
            else:
                raise MalformedError(f"field {field.name} of wire type {tag & 7}")
        self.visitor.visit(kind, values)
        return values

    def _value(self, kind: str, at: int, end: int, depth: int) -> tuple[Any, int]:
        """The value of one field and the position after it."""
        if kind in ("int", "int32"):
            number, at = self._varint(at, end)
            number -= number >> 63 << 64
            if kind == "int32" and not -(1 << 31) <= number < 1 << 31:
                raise MalformedError("an integer of over 32 bits")
            return number, at
        if kind in WIRE:
            size, code = (4, "<f") if kind == "float" else (8, "<d")
            if at + size > end:
                raise MalformedError("a number that is cut off")
            return struct.unpack_from(code, self.content, at)[0], at + size
        start, at = self._span(at, end)
        if kind == "text":
            return self._text(start, at), at
        if kind == "bytes":
            return self.view[start:at], at
        return self.message(kind, start, at, depth - 1), at

    def _packed(self, kind: str, at: int, end: int) -> list[int]:
        """Integers without tags."""
        numbers = []
        while at < end:
            self._count()
            number, at = self._value(kind, at, end, 1)
            numbers.append(number)
        return numbers

    def _add(self, values: Message, field: Field, value: Any) -> None:
        if not field.repeated:
            if field.name in values:
                raise MalformedError(f"field {field.name} twice, where one is allowed")
            values[field.name] = value
            return
        items = values.setdefault(field.name, [])
        if len(items) >= self.bounds.entries:
            raise MalformedError(f"over {self.bounds.entries} entries of {field.name}")
        items.append(value)

    def _text(self, start: int, end: int) -> str:
        if end - start > TEXT_BYTES:
            raise MalformedError(f"a text of {end - start} bytes, expected at most {TEXT_BYTES}")
        try:
            text = self.content[start:end].decode()
        except UnicodeDecodeError as error:
            raise MalformedError("a text that is not UTF-8") from error
        if not text.isprintable():
            raise MalformedError("a text with control characters")
        return text

    def _span(self, at: int, end: int) -> tuple[int, int]:
        """Where a value with a length starts and ends."""
        size, at = self._varint(at, end)
        if size > end - at:
            raise MalformedError("a length beyond the end of its message")
        return at, at + size

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        """An unsigned integer of at most 64 bits, in its shortest form; the position after it."""
        content = self.content
        if at < end and content[at] < 128:
            return content[at], at + 1
        value = shift = 0
        while at < end and shift < 70:
            byte = content[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                if value >> 64 or (shift and not byte):
                    break
                return value, at
            shift += 7
        raise MalformedError("an integer that is cut off or too long")

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise MalformedError(f"over {self.bounds.fields} fields")
