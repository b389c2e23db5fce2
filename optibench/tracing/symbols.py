"""Arrays of symbols: NumPy's own arrays, with nodes of a formula for numbers.

`Symbols` is an object array. Shapes, slices, reshapes and concatenations are NumPy's own work; elementwise functions,
reductions and products make nodes. What has no formula raises `Untraceable` with the name of the NumPy function.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import Any

import numpy as np

from optibench.plugin.types import AnyFunction, Array
from optibench.tracing.graph import Node, Untraceable, apply, const, no_formula, number, power, truth

_asarray = np.asarray  # `kept` replaces the one of the module
#: ufuncs by the operation that they are on numbers or truths.
SAME = {
    **{"bitwise_and": "logical_and", "bitwise_or": "logical_or", "invert": "logical_not", "bitwise_xor": "not_equal"},
    **{"logical_xor": "not_equal", "fabs": "absolute", "float_power": "power"},
}
#: Functions that only move numbers: NumPy applies them to the object arrays.
MOVING = {
    *(np.reshape, np.ravel, np.transpose, np.swapaxes, np.moveaxis, np.expand_dims, np.squeeze, np.broadcast_to),
    *(np.concatenate, np.stack, np.hstack, np.vstack, np.column_stack, np.split, np.array_split, np.tile, np.repeat),
    *(np.roll, np.flip, np.take, np.take_along_axis, np.delete, np.insert, np.append, np.diagonal, np.copy),
    *(np.broadcast_arrays, np.atleast_1d, np.atleast_2d, np.atleast_3d, np.shape, np.ndim, np.size),
    *(np.triu, np.tril, np.diag, np.rot90, np.iscomplexobj, np.isrealobj),
}
#: Functions that NumPy itself writes with reductions of ufuncs.
REDUCING = {np.sum, np.prod, np.any, np.all, np.max, np.min, np.amax, np.amin}
#: Methods that NumPy applies to the numbers themselves.
REFUSED = (
    *("argmax", "argmin", "argpartition", "argsort", "choose", "cumprod", "cumsum", "nonzero", "partition"),
    *("round", "searchsorted", "sort", "tobytes", "tofile", "tolist", "trace"),
)


def symbols(array: object) -> Symbols:
    """An array of nodes from numbers, nodes and arrays of them; a view where all are nodes already."""
    objects = _asarray(array, object)
    if all(isinstance(item, Node) for item in objects.flat):
        return objects.view(Symbols)
    return shaped(nodes(objects), objects.shape)


def shaped(flat: Sequence[Node], shape: tuple[int, ...]) -> Symbols:
    """An array of nodes in C order."""
    objects = np.empty(len(flat), object)
    objects[:] = flat
    return objects.reshape(shape).view(Symbols)


def _node(item: object) -> Node:
    if isinstance(item, np.ndarray) and item.ndim == 0:
        item = item.view(np.ndarray).item()
    return item if isinstance(item, Node) else const(item)


def nodes(array: object) -> tuple[Node, ...]:
    """The nodes of an array in C order; a number is a constant."""
    return tuple(_node(item) for item in _asarray(array, object).flat)


def plain(value: Any) -> Any:
    """The same with object arrays for symbols, inside lists and tuples too."""
    if isinstance(value, Symbols):
        return value.view(np.ndarray)
    return type(value)(map(plain, value)) if isinstance(value, list | tuple) else value


def again(value: Any) -> Any:
    """The same with symbols for object arrays."""
    if isinstance(value, np.ndarray):
        return symbols(value) if value.dtype == object else value
    return type(value)(map(again, value)) if isinstance(value, list | tuple) else value


def elementwise(name: str, *arrays: object) -> Symbols:
    """An operation on every element, broadcast."""
    objects = np.broadcast_arrays(*(_asarray(plain(array), object) for array in arrays))
    return shaped([apply(name, *each) for each in zip(*map(nodes, objects), strict=True)], objects[0].shape)


def reduced(ufunc: np.ufunc, array: object, axis: int | Sequence[int] | None = 0, keepdims: bool = False) -> Symbols:
    """An operation along axes, from the first element to the last, as NumPy adds up to eight numbers."""
    whole, name = symbols(array), SAME.get(ufunc.__name__, ufunc.__name__)
    axes = range(whole.ndim) if axis is None else np.atleast_1d(axis)
    for one in sorted({int(a) % whole.ndim for a in axes}, reverse=True):
        parts = np.moveaxis(whole.view(np.ndarray), one, 0)
        if not len(parts) and ufunc.identity is None:
            raise Untraceable(f"numpy.{ufunc.__name__} of no numbers has no value")
        if not len(parts):
            whole = symbols(np.full(parts.shape[1:], ufunc.identity, object))
        elif len(parts) == 1 and name in ("logical_and", "logical_or"):
            whole = elementwise("not_equal", parts[0], False) if not _truths(parts[0]) else symbols(parts[0])
        else:
            whole = symbols(functools.reduce(functools.partial(elementwise, name), parts))
        if keepdims:
            whole = symbols(np.expand_dims(whole.view(np.ndarray), one))
    return whole


def _truths(array: Array) -> bool:
    return all(node.is_condition for node in nodes(array))


def product(name: str, a: Array, b: Array) -> Symbols:
    """The products of NumPy's matmul family, written out."""
    a, b = symbols(a), symbols(b)
    if name == "matmul":
        name = {(1, 1): "vecdot", (1, 2): "vecmat", (2, 1): "matvec"}.get((min(a.ndim, 2), min(b.ndim, 2)), name)
    if name == "vecdot":
        return reduced(np.add, a * b, axis=-1)
    if name == "matvec":
        return reduced(np.add, a * b[..., None, :], axis=-1)
    if name == "vecmat":
        return reduced(np.add, a[..., :, None] * b, axis=-2)
    return reduced(np.add, a[..., :, :, None] * b[..., None, :, :], axis=-2)


class Symbols(np.ndarray):
    """An array of nodes. It reports the precision float64, because rules ask for it; NumPy itself sees objects."""

    # The attribute of an array cannot be typed as a property.
    dtype = property(lambda self: np.dtype(float))

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: object, out: tuple[Array, ...] = (), **keywords: object
    ) -> Array:
        name = SAME.get(ufunc.__name__, ufunc.__name__)
        where, initial = keywords.pop("where", True), keywords.pop("initial", None)
        keywords = {key: value for key, value in keywords.items() if value is not None or key == "axis"}
        others = keywords.keys() - {"axis", "keepdims", "dtype", "casting", "subok"}
        if others or where is not True:
            raise no_formula(f"numpy.{ufunc.__name__} with {', '.join(sorted(others)) or 'where'}")
        axes = {key: keywords[key] for key in ("axis", "keepdims") if key in keywords}
        if method == "reduce":
            result = reduced(ufunc, *inputs, **axes)  # type: ignore[arg-type]  # as NumPy passes them
            if initial is not None:
                result = elementwise(name, result, initial)
        elif method != "__call__":
            raise no_formula(f"numpy.{ufunc.__name__}.{method}")
        elif name in ("matmul", "vecdot", "matvec", "vecmat") and not axes:
            result = product(name, *inputs)  # type: ignore[arg-type]
        elif name in ("positive", "conjugate"):
            result = symbols(inputs[0]).copy()
        elif name == "clip":
            result = clip(*inputs)
        elif name == "power":
            result = _powers(*inputs)
        else:
            result = elementwise(name, *inputs)
        if not out:
            return result
        out[0][...] = result  # in place: a += b
        return out[0]

    def __array_function__(self, func: AnyFunction, types: Any, args: Any, kwargs: Mapping[str, Any]) -> object:
        if func in FUNCTIONS:
            return FUNCTIONS[func](*args, **kwargs)
        if func in MOVING:
            return again(func(*plain(args), **{key: plain(value) for key, value in kwargs.items()}))
        if func in REDUCING:
            return super().__array_function__(func, types, args, kwargs)
        raise no_formula(f"{func.__module__}.{func.__name__}")

    def __getitem__(self, key: Any) -> Symbols:
        _refuse_symbols(key)
        item = super().__getitem__(key)
        return item if isinstance(item, Symbols) else symbols(item)

    def __setitem__(self, key: Any, value: object) -> None:
        _refuse_symbols(key)
        super().__setitem__(key, symbols(value).view(np.ndarray))

    def __bool__(self) -> bool:
        if self.size != 1:
            raise Untraceable("it asks for the truth of an array of several numbers")
        return truth(nodes(self)[0])

    def __index__(self) -> int:
        return int(nodes(self)[0])

    def __pow__(self, exponent: object) -> Array:  # type: ignore[override]
        return _powers(self, exponent)

    @property  # type: ignore[misc]  # NumPy's can be set
    def real(self) -> Symbols:  # type: ignore[override]  # symbols are real; NumPy 2.5 would ask each of them
        return self

    def astype(self, dtype: object, *args: object, **kwargs: object) -> Symbols:
        kind = np.dtype(dtype)  # type: ignore[call-overload]
        if kind.kind == "b":
            return elementwise("not_equal", self, 0.0)
        if kind.kind in "iu":
            return elementwise("trunc", self)
        if kind != np.float64:
            raise no_formula(f"precision {kind}")
        return shaped([number(node) for node in nodes(self)], self.shape)

    def clip(self, low: object = None, high: object = None, **_: object) -> Symbols:  # type: ignore[override]
        return clip(self, low, high)

    def dot(self, other: Array) -> Symbols:  # type: ignore[override]
        return dot(self, other)

    def item(self, *place: int) -> Symbols:  # type: ignore[override]
        return symbols(super().item(*place))

    def mean(self, axis: object = None, **keywords: Any) -> Symbols:  # type: ignore[override]
        return mean(self, axis, **keywords)

    def var(self, axis: object = None, **keywords: Any) -> Symbols:  # type: ignore[override]
        return var(self, axis, **keywords)

    def std(self, axis: object = None, **keywords: Any) -> Symbols:  # type: ignore[override]
        return elementwise("sqrt", var(self, axis, **keywords))


def _refuse_symbols(key: object) -> None:
    if any(isinstance(part, Symbols) for part in (key if isinstance(key, tuple) else (key,))):
        raise Untraceable("it indexes an array by a formula; numpy.where chooses between two arrays")


def _powers(base: object, exponent: object) -> Symbols:
    pairs = np.broadcast_arrays(*(symbols(part).view(np.ndarray) for part in (base, exponent)))
    return shaped([power(*pair) for pair in zip(*map(nodes, pairs), strict=True)], pairs[0].shape)


def _refuse(name: str) -> None:
    def refused(self: Symbols, *args: object, **kwargs: object) -> None:
        raise no_formula(f"numpy.{name}")

    setattr(Symbols, name, refused)


for _name in REFUSED:
    _refuse(_name)


# NumPy's functions that are not made of ufuncs, written with those that are.


def full_like(array: Array, fill_value: object, dtype: object = None, **_: object) -> Symbols:
    return symbols(np.broadcast_to(_asarray(plain(fill_value), object), array.shape).copy())


def clip(array: object, a_min: object = None, a_max: object = None, **bounds: object) -> Symbols:
    low, high = bounds.get("min", a_min), bounds.get("max", a_max)
    bounded = symbols(array) if low is None else elementwise("maximum", array, low)
    return bounded if high is None else elementwise("minimum", bounded, high)


def mean(
    array: object, axis: object = None, dtype: object = None, out: None = None, keepdims: object = False
) -> Symbols:
    whole = symbols(array)
    total = reduced(np.add, whole, axis, keepdims is True)  # type: ignore[arg-type]
    return elementwise("divide", total, whole.size / max(total.size, 1))


def var(
    array: object,
    axis: object = None,
    dtype: object = None,
    out: None = None,
    ddof: float = 0,
    keepdims: object = False,
) -> Symbols:
    whole = symbols(array)
    apart = whole - mean(whole, axis, keepdims=True)
    total = reduced(np.add, apart * apart, axis, keepdims is True)  # type: ignore[arg-type]
    return elementwise("divide", total, whole.size / max(total.size, 1) - ddof)


def dot(a: object, b: object) -> Symbols:
    first, second = symbols(a), symbols(b)
    if not first.ndim or not second.ndim:
        return elementwise("multiply", first, second)
    if second.ndim > 2:
        raise no_formula("numpy.dot of more than two axes")
    return product("matmul", first, second)


def norm(array: object, ord: object = None, axis: object = None, keepdims: bool = False) -> Symbols:
    whole = symbols(array)
    if ord not in (None, 2) or (ord == 2 and whole.ndim > 1 and not isinstance(axis, int)):
        raise no_formula("numpy.linalg.norm of this order")
    return elementwise("sqrt", reduced(np.add, whole * whole, axis, keepdims))  # type: ignore[arg-type]


#: NumPy's function -> ours.
FUNCTIONS: dict[AnyFunction, Callable[..., object]] = {
    np.where: functools.partial(elementwise, "where"),
    np.clip: clip,
    np.full_like: full_like,
    np.zeros_like: lambda array, *_, **__: full_like(array, 0.0),
    np.ones_like: lambda array, *_, **__: full_like(array, 1.0),
    np.empty_like: lambda array, *_, **__: full_like(array, np.nan),
    np.mean: mean,
    np.var: var,
    np.std: lambda array, *args, **keywords: elementwise("sqrt", var(array, *args, **keywords)),
    np.dot: dot,
    np.linalg.norm: norm,
}

#: One thread at a time changes NumPy's module.
_LOCK = RLock()


@contextmanager
def kept() -> Iterator[None]:
    """Inside, the functions of NumPy that would turn symbols into a bare array keep them.

    ``numpy.asarray`` and its like are written in C and ask no subclass. Every other array goes to NumPy unchanged, so
    other threads see no difference.
    """
    names = ("array", "asarray", "ascontiguousarray", "asfortranarray")
    with _LOCK:
        originals = {name: getattr(np, name) for name in names}
        try:
            for name, original in originals.items():
                setattr(np, name, _keeping(original))
            yield
        finally:
            for name, original in originals.items():
                setattr(np, name, original)


def _keeping(original: AnyFunction) -> AnyFunction:
    @functools.wraps(original)
    def make(value: object, *args: object, **keywords: object) -> object:
        if not _holds_symbols(value):
            return original(value, *args, **keywords)
        return symbols(original(plain(value), object)).copy()

    return make


def _holds_symbols(value: object) -> bool:
    return isinstance(value, Symbols) or (isinstance(value, list | tuple) and any(map(_holds_symbols, value)))
