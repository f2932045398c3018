"""The data of a pickle, read without running it: no import, no call, no object of a foreign class.

A pickle is a program. This reader follows the few instructions that build lists, dictionaries,
strings and numbers. It replaces a class or function by its `Name`, and an object or the result of a
call by a `PickledCall`. All other instructions are refused. Keys of dictionaries are text: the hash
of a nested tuple takes time that doubles with each level, and overflows the stack of Python.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

MOST_INSTRUCTIONS: Final = 1 << 26
"""The limit of instructions: three million words, each with an object, take 50 million."""

MOST_MEMORISED: Final = 1 << 24
"""The limit of values that a pickle keeps to repeat them."""

DEEPEST: Final = 32
"""The limit of nested lists, dictionaries, tuples and objects."""


@dataclass(frozen=True)
class Name:
    """The name of a class or function."""

    module: str
    name: str


@dataclass(eq=False)
class PickledCall:
    """An object: the class or function that would create it, its arguments and its state."""

    function: Name
    arguments: tuple[Any, ...]
    state: Any = None


class _Machine:
    def __init__(self, allowed: Callable[[Name], bool]) -> None:
        self.allowed = allowed
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def name(self, module: Any, name: Any) -> Name:
        """Raises `ValueError` for a name that is not allowed."""
        if not (
            isinstance(module, str) and isinstance(name, str) and self.allowed(Name(module, name))
        ):
            raise ValueError("a class or function that word vectors do not have")
        return Name(module, name)

    def since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.marks.pop()
        return items

    def call(self, function: Any, arguments: Any) -> None:
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            raise ValueError("a call of no function")
        self.stack.append(PickledCall(function, arguments))

    def extend(self, items: Iterable[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise ValueError("items of no list")
        target.extend(items)

    def update(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(items) % 2:
            raise ValueError("items of no dictionary")
        if not all(type(key) in (str, bytes) for key in items[::2]):
            raise ValueError("a key that is no text")
        target.update(zip(items[::2], items[1::2], strict=True))

    def build(self, state: Any) -> None:
        target = self.stack[-1]
        if not isinstance(target, PickledCall) or target.state is not None:
            raise ValueError("a state of no object")
        target.state = state

    def keep(self, place: int) -> None:
        """Keep the last value for later repetition."""
        self.memo[place] = self.stack[-1]
        if len(self.memo) > MOST_MEMORISED:
            raise ValueError(f"more than {MOST_MEMORISED:,} values to repeat")

    def step(self, code: str, argument: Any) -> None:
        """Follow one instruction. Raises `ValueError` for an unknown one."""
        stack = self.stack
        if code in _VALUES:
            stack.append(argument)
        elif code in _CONSTANTS:
            stack.append(_CONSTANTS[code]())
        elif code in ("MEMOIZE", "BINPUT", "LONG_BINPUT"):
            self.keep(len(self.memo) if code == "MEMOIZE" else argument)
        elif code in ("BINGET", "LONG_BINGET"):
            stack.append(self.memo[argument])
        elif code == "MARK":
            self.marks.append(stack)
            self.stack = []
        elif code in _TUPLES:
            count = _TUPLES[code]
            if len(stack) < count:
                raise ValueError("a tuple of too few items")
            stack[-count:] = [tuple(stack[-count:])]
        elif code in ("TUPLE", "FROZENSET"):
            items = self.since_mark()
            self.stack.append(tuple(items))
        elif code == "APPEND":
            item = stack.pop()
            self.extend([item])
        elif code == "APPENDS":
            self.extend(self.since_mark())
        elif code == "SETITEM":
            value, key = stack.pop(), stack.pop()
            self.update([key, value])
        elif code == "SETITEMS":
            self.update(self.since_mark())
        elif code == "GLOBAL":
            stack.append(self.name(*argument.split(" ", 1)))
        elif code == "STACK_GLOBAL":
            name, module = stack.pop(), stack.pop()
            stack.append(self.name(module, name))
        elif code in ("REDUCE", "NEWOBJ"):
            arguments, function = stack.pop(), stack.pop()
            self.call(function, arguments)
        elif code == "BUILD":
            self.build(stack.pop())
        elif code not in _IGNORED:
            raise ValueError(f"the instruction {code}")


def read(content: bytes, allowed: Callable[[Name], bool]) -> Any:
    """The data of a pickle. `allowed` decides for each class and function if its name may occur.

    Raises `ValueError` for other instructions, for damaged data, for keys that are no text, for a
    value that holds itself, and beyond the limits of instructions, repetitions and nesting.

    >>> import pickle
    >>> read(pickle.dumps({"words": ["a", "b"], "dims": 2}), lambda name: False)
    {'words': ['a', 'b'], 'dims': 2}
    """
    machine = _Machine(allowed)
    try:
        for number, (instruction, argument, _) in enumerate(pickletools.genops(content)):
            if number >= MOST_INSTRUCTIONS:
                raise ValueError(f"more than {MOST_INSTRUCTIONS:,} instructions")
            machine.step(instruction.name, argument)
    except (IndexError, KeyError, TypeError) as error:
        raise ValueError("a damaged pickle") from error
    if len(machine.stack) != 1 or machine.marks:
        raise ValueError("a damaged pickle")
    _check_depth(machine.stack[0])
    return machine.stack[0]


def _check_depth(data: Any) -> None:
    """Raise `ValueError` for more than `DEEPEST` nested containers, on the longest way to any, and
    for a container that holds itself. No recursion: the data may be deeper than Python's stack.
    """
    depths: dict[int, int] = {}  # of each container that was seen whole
    path: list[tuple[Any, Iterator[Any], int]] = [(data, _parts(data), 1)]
    open_containers = {id(data)}
    while path:
        container, parts, depth = path[-1]
        part = next(parts, None)
        if part is None:
            path.pop()
            open_containers.discard(id(container))
            depths[id(container)] = depth
            if path:
                path[-1] = (*path[-1][:2], max(path[-1][2], depth + 1))
        elif id(part) in open_containers or len(path) + depths.get(id(part), 1) > DEEPEST:
            raise ValueError(f"more than {DEEPEST} nested lists, dictionaries, tuples and objects")
        elif id(part) in depths:
            path[-1] = (container, parts, max(depth, 1 + depths[id(part)]))
        else:
            open_containers.add(id(part))
            path.append((part, _parts(part), 1))


def _parts(container: Any) -> Iterator[Any]:
    """The filled containers in a container."""
    if isinstance(container, PickledCall):
        items: Iterable[Any] = (container.arguments, container.state)
    elif isinstance(container, dict):
        items = container.values()
    else:
        items = container if isinstance(container, list | tuple) else ()
    return (item for item in items if isinstance(item, _CONTAINERS) and item != ())


_CONTAINERS: Final = (list, dict, tuple, PickledCall)


_VALUES: Final = frozenset(
    [
        *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
        *("SHORT_BINSTRING", "BINSTRING", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
        *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    ]
)
_CONSTANTS: Final[dict[str, Callable[[], Any]]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
}
_TUPLES: Final = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_IGNORED: Final = frozenset(("PROTO", "FRAME", "STOP"))
