"""What a stranger's cell does costs that cell: the kernel lives on or is started again, the rest goes on."""

import os
import sys

import psutil
import pytest

LOOPS = {
    "endless": "while True: pass",
    "swallows KeyboardInterrupt": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "ignores SIGINT": "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
}
ENDS = {"os._exit": "import os; os._exit(3)", "kill": "import os; os.kill(os.getpid(), 9)",
        "crash": "import ctypes; ctypes.string_at(0)"}
FORK = """
import os, time
for _ in range(40):
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", "30", "WORD"])
time.sleep(30)
"""
MEMORY = "kept = []\nfor _ in range(40): kept.append(b'1' * 2**26)\nimport time; time.sleep(30)"  # 2.5 GiB at most


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_an_endless_loop_costs_its_cell(execute, kind, loop):
    found = execute(kind, "x = 41", loop, "print(x + 1)", cell_seconds=1)
    assert found.failed() == [1] and found.said(2) == "42\n"
    assert found.kinds == ["over time"] and "while True" in loop


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_what_ends_the_kernel_costs_its_cell_and_earlier_cells_are_repeated(execute, kind, end):
    found = execute(kind, "x = 41", "raise ValueError('mine')", end, "print(x + 1)")
    assert found.failed() == [1, 2] and found.said(3) == "42\n"
    assert found.kinds == ["kernel ended"]
    assert found.said(2) == "it ended the kernel"


@pytest.mark.parametrize("leave", ["exit()", "import sys; sys.exit()", "quit()"])
def test_leaving_is_no_harm(execute, leave):
    found = execute("bubblewrap", "x = 41", leave, "import time; time.sleep(0.3)", "time.sleep(0.3); print(x + 1)")
    assert found.said(3) == "42\n" and found.kinds == []


def test_too_much_memory_costs_its_cell(execute, kind):
    found = execute(kind, "x = 41", MEMORY, "print(x + 1)", memory=600)
    assert found.failed() == [1] and found.said(2) == "42\n"
    assert found.kinds == ["over memory"]


def test_more_than_the_address_space_is_a_memory_error_and_the_kernel_goes_on(execute, kind):
    found = execute(kind, "x = 41", "b = bytearray(40 * 2**30)", "print(x + 1)", memory=600)
    assert found.cells[1].outputs[0].ename == "MemoryError" and found.said(2) == "42\n" and found.kinds == []


def test_a_swarm_of_processes_costs_its_cell_and_none_survives(execute, kind):
    word = f"0.{os.getpid()}{len(kind)}"  # of a second, which no other process sleeps
    found = execute(kind, "x = 41", FORK.replace("WORD", word), "print(x + 1)", processes=10)
    assert found.failed() == [1] and found.said(2) == "42\n"
    assert found.kinds == ["too many processes"]
    assert not [one for one in psutil.process_iter() if word in _command(one)]


def test_processor_seconds_are_those_of_all_that_was_started(execute, kind):
    burn = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'while True: pass'])"
    found = execute(kind, "x = 41", burn, "print(x + 1)", processor_seconds=4, cell_seconds=60)
    assert found.failed() == [1] and found.kinds == ["over time"] and "processor" in found.said(1)


@pytest.mark.parametrize("how", ["start_new_session=True", ""])
def test_a_process_in_the_background_ends_with_the_notebook(execute, kind, how):
    word = f"strange{'kind'}{len(how)}{kind}"
    found = execute(kind, f"import subprocess\nsubprocess.Popen(['sh', '-c', 'sleep 300; : {word}'], {how})\nprint(1)")
    assert found.said(0) == "1\n"
    assert not [one for one in psutil.process_iter() if word in _command(one)]


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


FLOODS = {"lines": "for _ in range(1000): print(('x' * 99 + '\\n') * 1000, end='')",
          "one line": "print('x' * 10**8)",
          "pictures": "from IPython.display import display, HTML\nfor _ in range(100): display(HTML('x' * 10**6))",
          "a result": "'x' * 10**7"}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_output_is_cut_while_it_arrives(execute, flood):
    found = execute("bubblewrap", "x = 41", flood, "print(x + 1)", text=100, output=1000)
    assert len(str(found.cells[1].outputs)) < 1100 * 1024
    assert found.said(2) == "42\n" and "too much output" in found.kinds


def test_an_error_of_any_length_is_kept_and_cut(execute):
    found = execute("bubblewrap", "raise ValueError('x' * 10**7)")
    assert found.failed() == [0] and len(str(found.cells[0].outputs)) < 100_000


@pytest.mark.parametrize("write", [
    "open('big', 'wb').write(b'1' * 2**25)",
    "for i in range(64): open(f'f{i}', 'wb').write(b'1' * 2**20)\nimport time; time.sleep(9)"])
def test_files_have_a_size(execute, kind, write):
    found = execute(kind, "x = 41", write, "import time; time.sleep(2); print(x + 1)", files=16)
    assert found.failed() == [1] and found.said(2) == "42\n"


STARTS = {"IPython": "/ipython/profile_default/startup/00.py", "the launcher": "/ipykernel_launcher.py",
          "a module": "/traitlets.py", "the home's IPython": "/.ipython/profile_default/startup/00.py",
          "Python": f"/.local/lib/python3.{sys.version_info[1]}/site-packages/usercustomize.py"}


def test_a_kernel_that_is_started_again_executes_nothing_of_the_home(execute, kind):
    write = "\n".join(f"path = pathlib.Path.home() / {path[1:]!r}; path.parent.mkdir(parents=True, exist_ok=True)\n"
                      f"path.write_text('import builtins; builtins.strange = 1')" for path in STARTS.values())
    asked = "print(hasattr(__builtins__, 'strange'))"
    found = execute(kind, f"import pathlib\n{write}", "import os; os._exit(1)", asked)
    assert found.failed() == [1] and found.said(2) == "False\n"


FORGED = {"no data": "session.send(socket, 'display_data', {}, parent=parent)",
          "data of no kind": "session.send(socket, 'display_data', {'data': 1, 'metadata': 2}, parent=parent)",
          "no number": "session.send(socket, 'execute_result', {'data': {'text/plain': '1'}}, parent=parent)",
          "no place": "session.send(socket, 'update_display_data', {'data': {}, 'transient': {'display_id': 'x'}}, "
                      "parent=parent)",
          "no signature": "socket.send_multipart([b'x', b'<IDS|MSG>', b'0', b'{}', b'{}', b'{}', b'{}'])"}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_forged_messages_cost_their_cell_at_most(execute, forged):
    start = "kernel = get_ipython().kernel; session, socket = kernel.session, kernel.iopub_socket\n"
    found = execute("bubblewrap", "x = 41", f"{start}parent = kernel.get_parent()\n{forged}", "print(x + 1)")
    assert found.said(2) == "42\n" and set(found.failed()) <= {1}


def test_the_time_of_the_notebook_ends_it(execute):
    found = execute("bubblewrap", "x = 41", *["import time; time.sleep(2)"] * 3, "print(x)", notebook_seconds=4)
    assert found.failed()[-1] == 4 and "the notebook had 4 s" in found.said(4)


def test_a_kernel_that_is_ended_again_and_again_is_given_up(execute):
    found = execute("bubblewrap", *["import os; os._exit(1)"] * 3, "print(1)", restarts=2)
    assert found.failed() == [0, 1, 2, 3] and "more than 2 times" in found.said(3)


def test_a_cell_that_ends_the_kernel_only_when_it_is_repeated_is_left_out(execute):
    trap = "import os, pathlib\nif pathlib.Path('seen').exists(): os._exit(1)\npathlib.Path('seen').touch()"
    found = execute("bubblewrap", "x = 41", trap, "import os; os._exit(1)", "print(x + 1)")
    assert found.failed() == [2] and found.said(3) == "42\n"
