"""Frozen records without the price of the standard library's ``dataclasses``.

``dataclasses`` imports ``inspect``: about 3 MB and 20 ms, in a process that should cost 9 MB and start in 60 ms. The
supervisor needs only the frozen, slotted kind, which is the few lines below. A type checker reads ``record`` as a
dataclass transform; a test holds the result against a real frozen dataclass.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FunctionType
    from typing import TypeVar

    from typing_extensions import dataclass_transform

    T = TypeVar("T")
else:

    def dataclass_transform(**_: bool) -> Callable[[T], T]:
        """Mark nothing at run time; the mark is for type checkers."""
        return lambda function: function


FEW = 20  # records of a class that are made before it is worth to compile how


class FrozenRecordError(AttributeError):
    """Someone tried to change a record; make another with :func:`replace`."""


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """Make ``cls`` a frozen record of its annotated fields: slots, equality, hash and repr.

    Fields with a default may be left out when one is made. Fields are those of the class itself: records do not
    inherit from each other.
    """
    names = tuple(cls.__dict__.get("__annotations__", None) or getattr(cls, "__annotations__", {}))
    defaults = {name: cls.__dict__[name] for name in names if name in cls.__dict__}
    if not all(name in defaults for name in names[len(names) - len(defaults) :]):
        raise TypeError(f"a field of {cls.__qualname__} without a default follows one with a default")
    body = {key: value for key, value in vars(cls).items() if key not in {*names, "__dict__", "__weakref__"}}
    body.update(__slots__=names, _fields=names, _defaults=defaults, __match_args__=names, __qualname__=cls.__qualname__)
    body.setdefault("__repr__", _repr)
    body.update(__eq__=_equal, __hash__=_hash, __setattr__=_frozen, __delattr__=_frozen, __reduce__=_reduce)
    body.update(__init__=_first_init, _made=0)
    made: type[T] = type(cls.__name__, cls.__bases__, body)
    return made


def _first_init(self: object, *args: object, **fields: object) -> None:
    """Fill one of the first records of a class, slowly; with the next one the real ``__init__`` is compiled.

    Compiling takes as long as filling forty: of most classes there are never that many, least of all before the first
    program runs. What cannot be right is left to the real one to complain of.
    """
    cls = type(self)
    names: tuple[str, ...] = cls._fields  # type: ignore[attr-defined]
    given = {**dict(zip(names, args, strict=False)), **fields}
    values: dict[str, object] = {**cls._defaults, **given}  # type: ignore[attr-defined]
    cls._made += 1  # type: ignore[attr-defined]
    if cls._made <= FEW and len(given) == len(args) + len(fields) and values.keys() == set(names):  # type: ignore[attr-defined]
        for name in names:
            object.__setattr__(self, name, values[name])
    else:
        cls.__init__ = _initialiser(cls.__qualname__, names, cls._defaults)  # type: ignore[attr-defined, assignment]
        cls.__init__(self, *args, **fields)


def replace(old: T, **changes: object) -> T:
    """Return a copy of the record ``old`` with some fields changed."""
    fields: tuple[str, ...] = old._fields  # type: ignore[attr-defined]
    values: dict[str, object] = {name: getattr(old, name) for name in fields}
    values.update(changes)
    return type(old)(**values)


def defaults_of(cls: type) -> dict[str, object]:
    """Return the fields of a record's class that have a default, with it."""
    return dict(cls._defaults)  # type: ignore[attr-defined]


def _initialiser(owner: str, names: tuple[str, ...], defaults: dict[str, object]) -> object:
    """Compile an ``__init__`` as a dataclass has it: keyword or positional, one store a field."""
    parameters = ", ".join(f"{name}=_defaults[{name!r}]" if name in defaults else name for name in names)
    stores = "\n".join(f"    _store(self, {name!r}, {name})" for name in names) or "    pass"
    scope: dict[str, FunctionType] = {}
    # Field names come from a class body, so nothing from outside reaches this.
    exec(  # noqa: S102
        f"def __init__(self, {parameters}):\n{stores}\n", {"_store": object.__setattr__, "_defaults": defaults}, scope
    )
    scope["__init__"].__qualname__ = f"{owner}.__init__"  # Python names it when an argument is wrong
    return scope["__init__"]


def _values(self: object) -> tuple[object, ...]:
    fields: tuple[str, ...] = self._fields  # type: ignore[attr-defined]
    return tuple(getattr(self, name) for name in fields)


def _repr(self: object) -> str:
    inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._fields)  # type: ignore[attr-defined]
    return f"{type(self).__qualname__}({inside})"


def _equal(self: object, other: object) -> bool:
    if other is self:
        return True
    if other.__class__ is not self.__class__:
        return NotImplemented  # type: ignore[no-any-return]
    return all(getattr(self, name) == getattr(other, name) for name in self._fields)  # type: ignore[attr-defined]


def _hash(self: object) -> int:
    return hash((type(self), *_values(self)))


def _frozen(self: object, name: str, *_: object) -> None:
    message = f"cannot change {name!r} of a {type(self).__name__}: records are frozen"
    raise FrozenRecordError(message)


def _reduce(self: object) -> tuple[type, tuple[object, ...]]:
    return type(self), _values(self)
