"""Which cells state what they compute anew each time they run: by training, by a clock or by chance.

Other machines give other numbers there, and nothing that travelled says which are right. All other cells reload
records, and give the same everywhere.
"""

import ast
from functools import lru_cache

_TRAINS = {"backward", "step", "grad", "fit", "score"}  # methods and functions that whoever trains calls
_CLOCKS, _DICE = {"time", "datetime"}, {"torch", "np", "numpy", "random"}  # modules by the names they are known by
_BY_CHANCE = {"rand", "randn", "randint", "randperm", "random", "normal", "shuffle", "choice", "sample", "permutation",
              "multinomial", "bernoulli", "uniform", "dropout"}
_SEEDED = {"generator", "seed", "random_state"}  # arguments that leave nothing to chance
_HOMES = ("ddkit.training", "ddkit.utils", "time", "timeit")
_NOT_LIVE = {"Lead", "PROTOCOLS", "Protocol", "protocol", "Scores"}  # what those modules have that computes nothing


def live_cells(sources: list[str]) -> list[bool]:
    """Whether each of a notebook's code cells, in their order, states what it computes anew.

    A cell does if it trains, or takes the time, or draws, or reads a name that such a cell assigned, as data or as a
    function. Code that is no Python, such as that of magic commands, is left out.
    """
    tainted, found = set(), []
    for source in sources:
        assigned, read, imported, anew = _of_one(source)
        tainted = tainted | imported
        live = anew or bool((read - assigned) & tainted)
        tainted = tainted | assigned if live else tainted - assigned
        found.append(live)
    return found


@lru_cache(4096)  # most cells of a lesson are the same in all that is handed in
def _of_one(source: str) -> tuple[set[str], set[str], set[str], bool]:
    """Names that a cell assigns, reads and imports of what computes anew, and whether it does so itself."""
    tree = _parsed(source)
    return *_names(tree), _imported(tree), any(_anew(node) for node in ast.walk(tree))


def _parsed(source: str) -> ast.AST:
    lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!", "?"))]
    try:
        return ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.parse("")


def _names(tree: ast.AST) -> tuple[set[str], set[str]]:
    """The names that a cell assigns or defines anywhere, and those that it reads."""
    assigned, read = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else assigned).add(node.id)
        elif isinstance(node, ast.arg):
            assigned.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            assigned.add(node.name)
    return assigned, read


def _imported(tree: ast.AST) -> set[str]:
    """The names of what a cell imports that trains, takes the time or draws."""
    return {alias.asname or alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
            and (node.module or "").startswith(_HOMES) for alias in node.names} - _NOT_LIVE


def _anew(node: ast.AST) -> bool:
    """Whether it is a call that trains, takes the time, or draws what no seed decides."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    name, module = node.func.attr, _root(node.func)
    draws = module in _DICE and name in _BY_CHANCE and not _SEEDED & {keyword.arg for keyword in node.keywords}
    return name in _TRAINS or module in _CLOCKS or draws


def _root(node: ast.AST) -> str:
    """The first name of a dotted one: ``np`` of ``np.random.rand``."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return getattr(node, "id", "")
