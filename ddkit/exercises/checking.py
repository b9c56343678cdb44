"""Hold what a student wrote against the right function, and name the slip where it is a known one.

An unsolved exercise is no error: its check says so on stderr, so that the notebook runs on, and gives no mark. A wrong
one ends the cell in one sentence. The package's function handed in under another name is told, too.
"""

import contextlib
import copy
import dis
import io
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from types import CellType, CodeType, FunctionType, MethodType, ModuleType, SimpleNamespace

import numpy as np
import torch

from ddkit.exercises import marks
from ddkit.foundation.randomness import stream

_MOST = 1000  # things in a container that are looked at
_CARRIERS = (partial, dict, list, tuple, set, frozenset, MethodType, SimpleNamespace, ModuleType)


class Slip(AssertionError):
    """What a student wrote is not right; the message says why. Shown in a notebook without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"Not yet: {self}"]


def on(function: Callable, *arguments):
    """The plainest way to try a function."""
    return function(*arguments)


@dataclass(frozen=True)
class Exercise:
    """A function to be written.

    Attributes:
        right: does what is asked.
        trials: from a generator, the lists of arguments that it is tried on.
        slips: wrong functions that people write, by the sentence that names what is wrong with them.
        tried: calls a function with the arguments of a trial and returns what is compared.
        allowed: names of ddkit's functions that a solution may call.
        relative: how far results may differ, in units of the largest expected value.
    """

    right: Callable
    trials: Callable[[torch.Generator], Iterable[tuple]]
    slips: dict[str, Callable] = field(default_factory=dict)
    tried: Callable = on
    allowed: tuple[str, ...] = ()
    relative: float = 1e-4


def check(name: str, exercise: Exercise, mine: Callable) -> None:
    """Say that ``mine`` is right or not written yet, or raise a :class:`Slip` that names what is wrong."""
    _require_own(exercise, mine)
    if compare(exercise, mine):
        print(f"{name}: right ({marks.earned(name)})")
    else:
        print(f"{name}: not solved yet", file=sys.stderr)


def compare(exercise: Exercise, mine: Callable) -> bool:
    """Whether a function does what is asked; False: it is not written yet. Raises a :class:`Slip` where it is wrong.

    What the function logs or says on stderr meanwhile (bars of progress, warnings) is not shown: there a check says
    that an exercise is not solved.
    """
    trials = [tuple(trial) for trial in exercise.trials(stream(0, "trials of an exercise"))]
    with _quiet():
        found = [_result(exercise, mine, trial) for trial in trials]
    if any(result is None for result in found):
        return False
    expected = [exercise.tried(exercise.right, *copy.deepcopy(trial)) for trial in trials]
    if not all(same(one, other, exercise.relative) for one, other in zip(found, expected, strict=True)):
        raise Slip(_slip(exercise, trials, found) or _difference(exercise, found, expected))
    return True


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what is logged or said on stderr to itself."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def _result(exercise: Exercise, mine: Callable, trial: tuple) -> object | None:
    """What a student's function gives; None where there is nothing yet."""
    try:
        return exercise.tried(mine, *copy.deepcopy(trial))
    except NotImplementedError:
        return None
    except Slip:
        raise
    except Exception as error:
        raise Slip(f"the function ended in {type(error).__name__}: {error}") from None


def _slip(exercise: Exercise, trials: list[tuple], found: list) -> str | None:
    """The sentence of the known slip that gives the same results."""
    for sentence, wrong in exercise.slips.items():
        if all(same(result, _wrong(exercise, wrong, trial), exercise.relative)
               for trial, result in zip(trials, found, strict=True)):
            return sentence
    return None


def _wrong(exercise: Exercise, wrong: Callable, trial: tuple) -> object:
    try:
        return exercise.tried(wrong, *copy.deepcopy(trial))
    except Exception:  # a slip may not work on every trial: then it is not the one that was made
        return None


def _difference(exercise: Exercise, found: list, expected: list) -> str:
    """What differs first, in words."""
    for number, (one, other) in enumerate(zip(found, expected, strict=True), start=1):
        if same(one, other, exercise.relative):
            continue
        shapes = [tuple(x.shape) if isinstance(x, torch.Tensor) else None for x in (one, other)]
        if shapes[0] != shapes[1]:
            return f"in trial {number} the result is {_described(one)}; expected is {_described(other)}"
        return f"in trial {number} of {len(found)} the result is {_short(one)}, expected is {_short(other)}"
    raise AssertionError("nothing differs")


def _described(value: object) -> str:
    return f"a tensor of shape {list(value.shape)}" if isinstance(value, torch.Tensor) else f"{_short(value)}"


def _short(value: object) -> str:
    """A value in few words: of a tensor the first three numbers."""
    if not isinstance(value, torch.Tensor):
        return f"{value:.6g}" if isinstance(value, float) else repr(value)[:200]
    numbers = ", ".join(f"{number:.4g}" for number in value.detach().flatten()[:3].tolist())
    return numbers if value.numel() <= 3 else f"{numbers}, …"


def same(one: object, other: object, relative: float = 1e-4) -> bool:
    """Whether results agree: numbers, tensors, arrays within rounding, lists, dicts item by item, all else, and whole
    numbers, exactly."""
    if isinstance(other, torch.Tensor) or isinstance(one, torch.Tensor | np.ndarray):
        return _close(one, other, relative)
    if isinstance(other, dict):
        return (isinstance(one, dict) and one.keys() == other.keys()
                and all(same(one[k], other[k], relative) for k in other))
    if isinstance(other, list | tuple):
        return (isinstance(one, list | tuple) and len(one) == len(other)
                and all(same(a, b, relative) for a, b in zip(one, other, strict=True)))
    if isinstance(other, float) or isinstance(one, float):
        return _close(one, other, relative)
    return one == other


def _close(one: object, other: object, relative: float) -> bool:
    try:
        one, other = (torch.as_tensor(value).detach() for value in (one, other))
    except (TypeError, ValueError, RuntimeError):
        return False
    if one.shape != other.shape:
        return False
    if not (one.is_floating_point() or other.is_floating_point()):
        return torch.equal(one.long(), other.long())
    one, other = one.double(), other.double()
    scale = float(other.nan_to_num(posinf=0, neginf=0).abs().max()) if other.numel() else 0.0
    return torch.allclose(one, other, rtol=0, atol=relative * scale + 1e-12, equal_nan=True)


def _require_own(exercise: Exercise, mine: object) -> None:
    """Raise a Slip if a student's function is ddkit's, or leaves the work to ddkit's."""
    if not callable(mine):
        raise Slip(f"expected is a function, not {_short(mine)}")
    borrowed = sorted(name for name in _called(mine) if name not in exercise.allowed)
    if borrowed:
        raise Slip(f"this leaves the work to ddkit's {', '.join(borrowed)}: write it yourself, in plain torch")


def _called(function: object, seen: set[int] | None = None, notebook: dict | None = None) -> set[str]:
    """The names of ddkit's functions and classes that a function is, calls or holds, or has others of the notebook
    call; also those in containers and objects of the notebook that it uses.

    Args:
        seen: ids of what was looked at already.
        notebook: its names; functions of other modules are not followed. None: those of the first function.
    """
    seen = set() if seen is None else seen
    if id(function) in seen:
        return set()
    seen.add(id(function))
    if _is_ddkit(function):
        return {function.__name__}
    found = set().union(*(_called(one, seen, notebook) for one in _inside(function)))
    plain = _plain(function)
    code, names = getattr(plain, "__code__", None), getattr(plain, "__globals__", {})
    if code is None or names is not (notebook or names):
        return found
    used = [names[name] for part in _codes(code) for name in _mentioned(part, "LOAD_GLOBAL") if name in names]
    imported = {name for part in _codes(code) for name in _mentioned(part, "IMPORT_NAME") if _of_ddkit(name)}
    beside = [value for value in (*used, *_held(plain)) if _is_ddkit(value) or _inside(value)
              or getattr(_plain(value), "__globals__", None) is names]
    return found | imported.union(*(_called(value, seen, names) for value in beside))


def _inside(value: object) -> list[object]:
    """What of ddkit's may lie in a value: in a partial, a container, an object or a class of the notebook."""
    if isinstance(value, partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, dict):
        parts = islice((one for pair in value.items() for one in pair), _MOST)
    elif isinstance(value, list | tuple | set | frozenset):
        parts = islice(value, _MOST)
    elif isinstance(value, MethodType):
        parts = [value.__self__]
    elif isinstance(value, SimpleNamespace) or type(value).__module__ == "__main__":
        parts = [*getattr(value, "__dict__", {}).values(), type(value)]
    elif isinstance(value, type) and value.__module__ == "__main__":
        parts = [getattr(one, "__func__", one) for one in vars(value).values()]
    else:
        parts = [vars(value)["__wrapped__"]] if "__wrapped__" in getattr(value, "__dict__", {}) else []
    return [one for one in parts if isinstance(one, _CARRIERS) or _is_ddkit(one) or callable(one)
            or type(one).__module__ == "__main__"]


def _plain(function: object) -> object:
    """What is run where something is called: itself, or its class's ``__call__``."""
    return type(function).__call__ if callable(function) and not hasattr(function, "__code__") else function


def _held(function: FunctionType) -> list:
    """What a function was given when it was made: its defaults, and variables of the functions that it stands in."""
    cells = [cell.cell_contents for cell in function.__closure__ or () if cell != CellType()]  # some are still empty
    return [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values(), *cells]


def _codes(code: CodeType) -> list[CodeType]:
    """A function's code and that of the functions within it."""
    return [code, *(inner for part in code.co_consts if isinstance(part, CodeType) for inner in _codes(part))]


def _mentioned(code: CodeType, opname: str) -> set[str]:
    return {i.argval for i in dis.get_instructions(code) if i.opname == opname}


def _is_ddkit(value: object) -> bool:
    """Whether something is a module, a function or a class of ddkit's; objects of its classes are data."""
    if isinstance(value, ModuleType):
        return _of_ddkit(value.__name__)
    return isinstance(value, FunctionType | type) and _of_ddkit(value.__module__)


def _of_ddkit(module: str) -> bool:
    return module.split(".")[0] == "ddkit"
