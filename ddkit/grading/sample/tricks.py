"""Code that students of the hostile class add to an exercise, by what it does.

All of it is harmless by itself: few processes that end, memory and outputs with a limit, files with a telling name,
addresses that lead nowhere.
"""

NOTE = "written-by-a-student.txt"  # a file that is written where it should not be
CONNECTED, SEEN = "a connection was opened", "seen:"  # what is printed where marking let it happen

UNENDING = {
    "endless": """
while True:
    pass
""",
    "endless-stubborn": """
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
""",
    "endless-deaf": """
import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)
while True:
    pass
"""}

ENDING = {
    "exits": "exit()",
    "exits-system": "import sys\n\nsys.exit(1)",
    "exits-at-once": "import os\n\nos._exit(3)"}

HEAVY = {
    "output-lines": """
for _ in range(100):
    print(("x" * 99 + "\\n") * 10_000)
""",
    "output-one-line": "print('x' * 100_000_000)",
    "memory": """
hog = []
for _ in range(96):  # 6 GiB in all
    hog.append(bytearray(b"x") * 2**26)
del hog
""",
    "processes": """
import subprocess
import sys

for _ in range(40):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
""",
    "forks": """
import os
import time

for _ in range(40):
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)
"""}

PATCHING = {
    "patches-stderr": "import io\nimport sys\n\nsys.stderr = io.StringIO()",
    "patches-errors": "get_ipython().set_custom_exc((BaseException,), lambda *_, **__: None)",
    "patches-asserts": """
import ast


class Never(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.Pass()


get_ipython().ast_transformers.append(Never())
""",
    "patches-cells": "get_ipython().input_transformers_cleanup.append(lambda lines: ['pass\\n'])",
    "patches-ddkit": "from ddkit import exercises\n\nexercises.check = exercises.made = lambda *_: None"}

LOOKS = """
from pathlib import Path

for place in (*Path.cwd().parents, Path.cwd(), Path.home(), Path("AIM")):
    for path in (*place.glob("*.ipynb"), *place.glob("*/*/*.ipynb"), place / "gradebook.db"):
        try:
            if b"HIDDEN " + b"TESTS" in path.read_bytes():
                print("SEEN", path)
        except OSError:
            pass
"""
WRITES = """
from pathlib import Path

for place in (Path.cwd().parent, Path.home(), Path("AIM")):
    try:
        (place / "NOTE").write_text("here")
    except OSError:
        pass
"""
CHANGES_MARKS = """
import sqlite3
from pathlib import Path

for path in ("../../../gradebook.db", "AIM/gradebook.db"):
    try:
        if Path(path).exists():
            book = sqlite3.connect(path)
            book.execute("UPDATE grade SET manual_score = 99")
            book.commit()
            print("SEEN", path)
    except (OSError, sqlite3.Error):
        pass
"""
CALLS = """
import socket

for address in (("127.0.0.1", PORT), ("192.0.2.1", 80)):
    try:
        socket.create_connection(address, timeout=2)
        print("CONNECTED")
    except OSError:
        pass
"""


def burglary(aim: str, port: int) -> dict[str, str]:
    """Code that reads, writes and calls where it has no business: also in the folder ``aim``, and at a port here."""
    words = {"PORT": str(port), "NOTE": NOTE, "SEEN": SEEN, "CONNECTED": CONNECTED, "AIM": aim}
    made = {"reads-hidden-tests": LOOKS, "writes-outside": WRITES, "writes-gradebook": CHANGES_MARKS,
            "calls-out": CALLS}
    for old, new in words.items():
        made = {kind: code.replace(old, new) for kind, code in made.items()}
    return made
