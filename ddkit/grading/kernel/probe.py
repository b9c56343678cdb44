"""Are the checks still checks? Code that is executed beside a check, in its own kernel, to find out.

A check that ended well is tried again with its exercise's functions replaced by wrong ones, and with the records it is
given left out. If it ends well again, the submission changed the check, or what the check rests on. Each trial is one
execution that puts all names back. Before the first cell and after each check, what checks rest on (ddkit's own
exercises, Python's builtins, some of torch, the streams and the shell) is held against what it was.

All this happens in the student's process, as the check does. So it cannot see code that tells a trial from the check
and behaves in the trial only, and puts back what it changed before it is looked at; a function that, while it is
called, finds the right one in the frames that called it and returns its result; or one that was copied from somewhere.
What stands in a submission's cells is still to be read where marks matter.
"""

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Iterable, Iterator

from ddkit.grading.kernel.outputs import CUT

_UNSOLVED = re.compile(r"\bnot\s+(?:solved|earned)\s+yet\b")
OWN = "exercises"  # what a check calls: exercises.check(NAME, FUNCTION), exercises.made(NAME, RECORDS...)
PUT_BACK = '''
def __ddkit__(kept=dict(globals())):
    now = globals()
    for name in list(now):
        if name not in kept:
            del now[name]
    now.update(kept)
'''


def defined(exercises: Iterable[str]) -> set[str]:
    """The functions and classes that cells define; none for a cell that is no Python."""
    found = set()
    for node in (node for source in exercises for node in _parsed(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def trials(check: str, functions: set[str]) -> list[str]:
    """Code that has to fail, with an error or a word on stderr, if a check is one.

    Args:
        check: the source of the check's cell.
        functions: that its exercise defines, beside those that it gives to ``exercises.check``.
    """
    body = _parsed(check)
    calls = [node for node in body if _called(node) in ("check", "made")]
    asserts = [node for node in body if isinstance(node, ast.Assert)]
    rest = [node for node in body if node not in calls and node not in asserts]
    wrong = _used([*rest, *asserts]) & functions
    for call in calls:
        wrong |= _used(call.value.args[1:]) if _called(call) == "check" else set()
    made = [_without_records(call) for call in calls if _called(call) == "made"]
    checked = [call for call in calls if _called(call) == "check"]
    found = [_alone([*rest, one]) for one in made]
    for group in (checked, asserts):
        if group and wrong & _used([*group, *(rest if group is asserts else [])]):
            found += [_alone([*_replaced(wrong, way), *rest, *group]) for way in (nothing, spoiled)]
    return found


def strays(check: str, outputs: list) -> list:
    """What came on stderr beside a check of ddkit's and is none of its words, as bars of progress and warnings of the
    functions that it calls; nothing where it says that something is not solved, or not all that was said is there.

    Args:
        check: the source of the check's cell.
        outputs: of it, or of a trial of it.
    """
    said = [one for one in outputs if one.get("name") == "stderr"]
    text = "".join(one.text for one in said)
    if _UNSOLVED.search(text) or CUT in text or not any(_called(node) for node in _parsed(check)):
        return []
    return said


def looked_at() -> str:
    """Code that prints what ``state`` finds."""
    return _alone(ast.parse(f"{inspect.getsource(state)}\nprint(__import__('json').dumps(state()))").body)


def changed(before: str, now: str) -> list[str]:
    """What differs between two looks, by name; a look that says nothing differs in everything."""
    try:
        one, other = json.loads(before), json.loads(now)
        return sorted(name for name in one if one[name] != other.get(name))
    except (ValueError, AttributeError, TypeError):
        return ["what it rests on cannot be looked at"]


def _parsed(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _called(node: ast.stmt) -> str:
    """The name of ``exercises``' function that a statement calls; "" if it is no such call."""
    call = node.value if isinstance(node, ast.Expr) else None
    function = call.func if isinstance(call, ast.Call) else None
    owner = function.value if isinstance(function, ast.Attribute) else None
    return function.attr if isinstance(owner, ast.Name) and owner.id == OWN else ""


def _used(nodes: Iterable[ast.AST]) -> set[str]:
    """The names that are read."""
    return {part.id for node in nodes for part in _parts(node) if isinstance(part.ctx, ast.Load)}


def _parts(node: ast.AST) -> Iterator[ast.Name]:
    return (part for part in ast.walk(node) if isinstance(part, ast.Name))


def _without_records(call: ast.Expr) -> ast.Expr:
    made = ast.Call(func=call.value.func, args=call.value.args[:1], keywords=[])
    return ast.copy_location(ast.Expr(made), call)


def _replaced(names: set[str], way) -> list[ast.stmt]:
    """Statements that put wrong functions in place of those of these names."""
    made = textwrap.dedent(inspect.getsource(way))
    return ast.parse(made + "".join(f"\n{name} = {way.__name__}({name})" for name in sorted(names))).body


def _alone(body: list[ast.stmt]) -> str:
    """Code that does this and puts every name back."""
    tried = ast.Try(body=body, handlers=[], orelse=[], finalbody=ast.parse("__ddkit__()").body)
    return PUT_BACK + ast.unparse(ast.fix_missing_locations(ast.Module([tried], [])))


# The functions below are sent to the kernel as text: they use nothing of this file.

def nothing(function):
    """A function that was not written yet: what an exercise starts with."""
    return lambda *given, **named: None


def spoiled(function):
    """A function whose every result is wrong; an error where nothing of it can be."""
    def wrong(value, found):
        if type(value).__module__ == "__main__":  # a submission's own class, which may equal anything
            found.append(value)
            return value
        if isinstance(value, list | tuple):
            return type(value)(wrong(one, found) for one in value) if type(value) in (list, tuple) else value
        if isinstance(value, dict):
            return {name: wrong(one, found) for name, one in value.items()}
        if isinstance(value, str | int | float) or hasattr(value, "shape"):
            found.append(value)
            if isinstance(value, str):
                return value + "?"
            truth = isinstance(value, bool) or "bool" in str(getattr(value, "dtype", ""))
            return value == False if truth else value * 3 + 7  # noqa: E712 (also of tensors)
        return value

    def call(*given, **named):
        found = []
        value = wrong(function(*given, **named), found)
        if not found:
            raise ValueError("nothing to be spoiled")
        return value

    return call


def state():
    """A short word on each of the things that checks rest on, by name."""
    import builtins
    import hashlib
    import sys
    import types

    from ddkit import exercises

    import torch  # isort: skip (after ddkit, which sets how its threads wait)

    def code(one):
        inner = [code(part) if isinstance(part, types.CodeType) else repr(part)[:200] for part in one.co_consts]
        return [one.co_code.hex(), one.co_names, inner]

    def told(value, deep=True):
        value = getattr(value, "__func__", value)
        words = [type(value).__name__, getattr(value, "__module__", ""), getattr(value, "__qualname__", "")]
        words += [code(value.__code__)] if isinstance(value, types.FunctionType) else []
        if isinstance(value, type) and deep and str(value.__module__).startswith("ddkit."):
            words += [(name, told(one, False)) for name, one in sorted(vars(value).items()) if callable(one)]
        return words

    def parts(one):
        """The functions of an exercise."""
        many = [value.items() if isinstance(value, dict) else [(name, value)] for name, value in vars(one).items()]
        return [(name, told(value) if callable(value) else repr(value)) for pairs in many for name, value in pairs]

    def short(words):
        return hashlib.sha256(repr(words).encode()).hexdigest()[:12]

    found = {f"builtins.{name}": short(told(one)) for name, one in vars(builtins).items() if name != "_"}
    tensor = ("abs", "all", "any", "max", "min", "sum", "double", "float", "detach", "item", "tolist", "flatten",
              *(f"__{name}__" for name in ("eq", "ne", "lt", "le", "gt", "ge", "sub", "rsub", "bool", "float", "int")))
    found |= {f"torch.Tensor.{name}": short(told(getattr(torch.Tensor, name))) for name in tensor}
    found |= {f"torch.{name}": short(told(getattr(torch, name)))
              for name in ("allclose", "isclose", "equal", "as_tensor", "tensor", "Tensor")}
    wanted = exercises.exercises() | exercises.records()
    found |= {f"the exercise {name}": short(parts(one)) for name, one in wanted.items()}
    for name, module in sorted(sys.modules.items()):
        if name.split(".")[:2] == ["ddkit", "exercises"] or name in ("ddkit.runs.record", "ddkit.runs.shipped"):
            found[name] = short([(key, told(one)) for key, one in sorted(vars(module).items())
                                 if callable(one) or isinstance(one, types.ModuleType)])
    found |= {f"sys.{name}": short(told(type(getattr(sys, name)))) for name in ("stdout", "stderr")}
    found["sys.excepthook"] = short(told(sys.excepthook))
    shell = sys.modules["IPython"].get_ipython()
    for name in ("run_cell", "run_cell_async", "run_code", "run_ast_nodes", "showtraceback", "_showtraceback",
                 "transform_cell", "should_run_async", "displayhook"):
        found[f"shell.{name}"] = short(told(getattr(shell, name)))
    found["shell's transformers"] = short([len(shell.input_transformers_post), len(shell.ast_transformers),
                                           len(shell.input_transformer_manager.cleanup_transforms),
                                           len(shell.input_transformer_manager.line_transforms)])
    return found
