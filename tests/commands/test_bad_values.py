"""A bad value costs no training: one sentence, exit code 2, nothing written, whatever the command."""

import os
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest

from ddkit.__main__ import main
from ddkit.foundation import memory
from ddkit.foundation.errors import InputError
from ddkit.methods import loop as distill
from ddkit.methods.translation.inner import OneNetwork
from ddkit.runs import workers
from ddkit.training import fitting

DISTILL, EVALUATE = ["distill", "--ipc", "2"], ["evaluate", "SET"]
COMMANDS = {
    "baseline": (["baseline"], {
        "--dataset": ["", "emnist", "mnist-", "digits-11", "digits-1-1", "digits-²", "../digits"],
        "--size": ["0", "-3", "7"], "--jobs": ["0"],
        "--network": ["", "ConvNetD9", "NTK", "ResNet", "ConvNetD4BNXX"],
        "--width": ["0", "-1", "1000000000", "1" + "0" * 30],
        "--protocol": ["", "best", "kernel", "trained_kernel", "learned"],
        "--seeds": ["0", "-1", "1" + "0" * 30], "--epochs": ["0", "-5", "1" + "0" * 400]}),
    "distill": (DISTILL, {
        "--dataset": ["", "nothing", "digits-0-99"], "--method": ["", "magic", "DataDAM"], "--preset": ["", "best"],
        "--ipc": ["0", "-1", "100000000000", "1" + "0" * 30], "--init": ["", "zeros", "REAL"],
        "--network": ["", "ConvNetD9", "ConvNetD6"], "--width": ["0", "-4", "1000000000", "1" + "0" * 20],
        "--updates": ["0", "-1", "1" + "0" * 30], "--lr": ["0", "-1", "nan", "inf", "1e308", "1e31"],
        "--validate-every": ["-1"], "--size": ["4"],
        "--set": ["image_lr=NaN", "image_lr=Infinity", "image_lr=[1]", "image_lr={}", "image_lr=true", "image_lr=fast",
                  "image_lr=null", "real_batch=1.5", "real_batch=true", "real_batch=0", "real_batch=1e400", "power=0.5",
                  "network_steps=-1", "augmented=1", "augmented=yes", "lam=-1", "speed=1", "=1", "x", "", "power",
                  "networks=" + "9" * 40, "network=ConvNetD9", "network=3", "memory_mib=0",
                  "image_lr=" + "[" * 50_000]}),
    "distill that says something twice": ([*DISTILL, "--width", "4", "--network", "ConvNetD1", "--precision",
                                           "float32"], {
        "--set": ["width=8", "width=4", "network=ConvNetD2", "precision=bfloat16"]}),
    "distill kip that says something twice": ([*DISTILL, "--method", "kip", "--updates", "2"], {
        "--set": ["updates=3"]}),
    "distill on LeNet": ([*DISTILL, "--network", "LeNet"], {"--width": ["64"], "--set": ["width=64"]}),
    "distill kip": ([*DISTILL, "--method", "kip"], {
        "--network": ["ConvNetD3", "NTKD12"], "--preset": ["paper"],
        "--set": ["real_batch=1000000000", "real_batch=1e12", "ridge=-1", "augmentation=2", "label_lr=nan",
                  "image_lr=1e308", "label_lr=1" + "0" * 400]}),
    "distill rfad": ([*DISTILL, "--method", "rfad"], {
        "--set": ["networks=1000000000", "networks=0", "loss=hinge", "real_batch=10000000000"]}),
    "distill frepo": ([*DISTILL, "--method", "frepo"], {
        "--set": ["pool=1000000000", "networks=99", "most_steps=0", "network_lr=0"]}),
    "distill datm": ([*DISTILL, "--method", "trajectory", "--preset", "datm"], {
        "--init": ["noise", "herding", "k-centre"], "--width": ["1000000"],
        "--set": ["student_steps=1000000000", "student_steps=0", "final_start=99", "left_out=1", "rate=0", "rate=-1",
                  "rate=1e308", "experts=0", "expert_lr=0", "expert_lr=NaN", "expert_batch=0", "difficulty=hard",
                  "gradient=exact", "sharpness=-1", "sharpness=1e308", "expert_lr=1e308"]}),
    "distill private": ([*DISTILL, "--method", "private", "--preset", "psg", "--init", "noise"], {
        "--init": ["real", "herding", "k-centre"], "--network": ["ConvNetD3BN", "NTK"], "--validate-every": ["2"],
        "--set": ["sigma=1", "epsilon=null", "epsilon=0", "epsilon=0.0001", "delta=0", "delta=1", "clip=0",
                  "noise=none", "real_batch=1000000", "real_batch=0", "steps=0"]}),
    "experts": (["experts", "--experts", "1", "--epochs", "1"], {
        "--jobs": ["0"], "--experts": ["0", "-1", "1000000000000"], "--epochs": ["0", "1000000000000"],
        "--network": ["", "NTK"], "--width": ["0", "1000000000"], "--difficulty": ["", "hard"],
        "--sharpness": ["-1", "nan", "inf"], "--size": ["2"]}),
    "distill translative": ([*DISTILL, "--method", "translative", "--preset", "laptop"], {
        "--pretrained": ["", "NOWHERE", "SET"], "--pretrained-on": ["", "letters", "cifar10"],
        "--pretrained-with": ["x", "speed=1", "real=", "real=0", "real=1.5", "width=8", "real=9,real=9", "held_out=-1"],
        "--pretrained-size": ["0", "x"], "--subsets": ["0"], "--channels": ["0", "x", "1000000000"], "--updates": ["9"],
        "--translator": ["", "other", "null"]}),
    "distill translative without a pre-training": ([*DISTILL, "--method", "translative", "--preset", "laptop",
                                                    "--translator", "identity"], {
        "--pretrained-with": ["real=9"], "--pretrained-size": ["32"]}),
    "pretrain": (["pretrain", "--dataset", "digits", "--fewest-classes", "2", "--held-out", "2"], {
        "--dataset": ["", "letters", "digits-0-1-2", "digits-11"], "--size": ["0", "2"], "--jobs": ["0"],
        "--seed": ["1" + "0" * 30], "--network": ["", "NTK", "ConvNetD6"], "--width": ["0", "1000000000"],
        "--subsets": ["0", "-1", "1.5", "x", "1000000000000"], "--fewest-classes": ["1", "9", "21"],
        "--most-ipc": ["0", "100", "200"], "--real": ["1", "4"], "--inner-updates": ["0"], "--steps": ["0", "nan"],
        "--image-lr": ["0", "nan", "inf", "1e31"], "--target-lr": ["-1"], "--lr": ["0", "true", "null"],
        "--channels": ["0", "1000000000"], "--held-out": ["-1", "9", "99"], "--trials": ["-1"],
        "--left-out": ["x", "1,x"], "--fixed": ["-1"], "--precision": ["", "float16"], "--judged": ["0"],
        "--networks": ["0"]}),
    "pretrain of an MLP": (["pretrain", "--dataset", "digits", "--network", "MLP"], {"--width": ["64"]}),
    "coreset": (["coreset", "--ipc", "2"], {
        "--method": ["", "best", "forgetting"], "--ipc": ["0", "99999"], "--on": ["", "nothing", "NTK"],
        "--width": ["64"], "--epochs": ["3", "-1"]}),
    "coreset on LeNet": (["coreset", "--ipc", "2", "--on", "LeNet"], {"--width": ["64"]}),
    "coreset at random": (["coreset", "--ipc", "2", "--method", "random"], {"--on": ["MLP"], "--width": ["64"]}),
    "continual": (["continual", "--ipc", "2", "--seeds", "1"], {
        "--memory": ["", "magic", "random,,herding"], "--steps": ["", "0,1", "0/1", "0,1/1,2", "a,b/c,d", "0,1/2,99"],
        "--protocol": ["", "best"], "--network": ["", "NTK"], "--width": ["0", "1000000000"], "--seeds": ["0", "-1"],
        "--epochs": ["0", "-1"], "--ipc": ["0", "99999"], "--init": ["zeros"]}),
    "continual of chosen images": (["continual", "--ipc", "2", "--seeds", "1", "--memory", "random,herding"], {
        "--set": ["nonsense=1", "real_batch=8"], "--updates": ["3"], "--init": ["noise", "real"]}),
    "continual of distilled ones": (["continual", "--ipc", "2", "--seeds", "1", "--memory", "random,datadam"], {
        "--set": ["nonsense=1", "width=8", "network=MLP"]}),
    "continual with an MLP": (["continual", "--ipc", "2", "--seeds", "1", "--network", "MLP"], {"--width": ["64"]}),
    "backdoor": (["backdoor", "--ipc", "2"], {"--set": ["width=8", "network=MLP"]}),
    "membership": (["membership", "--ipc", "2", "--models", "6"], {
        "--models": ["0", "4", "7"], "--images": ["0", "9", "100000000"], "--method": ["", "magic", "trajectory"],
        "--preset": ["", "best"], "--init": ["zeros"], "--ipc": ["0", "99999"], "--protocol": ["kernel", "learned"],
        "--network": ["", "NTK"], "--width": ["0", "1000000000"], "--epochs": ["0"], "--full-epochs": ["0"],
        "--set": ["real_batch=0"], "--jobs": ["0"]}),
    "evaluate": (EVALUATE, {
        "--protocol": ["", "best", "learned"], "--network": ["", "ConvNetD9", "NTK"],
        "--width": ["0", "-1", "1000000000"], "--seeds": ["0", "-3"], "--epochs": ["0", "-1"],
        "--dataset": ["mnist", ""], "--size": ["32"], "--jobs": ["0"],
        "--labels": ["logits", "x"], "--pixels": ["bytes", "x"], "--entry": ["7"]}),
    "evaluate an MLP": ([*EVALUATE, "--network", "MLP"], {"--width": ["64"]}),
    "transfer": (["transfer", "SET"], {
        "--networks": ["", "MLP,", "MLP,NTK", "MLP,ConvNetD9", "LeNet,ConvNetD6"], "--width": ["64", "0"],
        "--seeds": ["0"], "--protocol": ["kernels"], "--jobs": ["0"]}),
    "search": (["search", "SET", "--widths", "4", "--number", "6"], {
        "--number": ["0", "1", "2", "4", "9999"], "--depths": ["", "0", "9", "a", "6,7"],
        "--widths": ["", "0", "x", "4,4"],
        "--norms": ["", "best"], "--activations": ["tanh"], "--poolings": ["min"], "--jobs": ["0"],
        "--protocol": ["learned", "kernel", "x"], "--epochs": ["0"], "--full-epochs": ["0"], "--seeds": ["0"]}),
    "show": (["show", "NOWHERE"], {"--out": ["figures"]}),
    "runs": (["runs"], {"--runs": ["FILE"]}),
    "course": (["course"], {"--profile": ["", "huge"], "--dataset": ["nothing"], "--jobs": ["0"]}),
    "explore": (["explore"], {"--port": ["0", "-1", "70000"], "--notebook": ["NOWHERE.ipynb"]}),
    "data": (["data", "mhist", "NOWHERE"], {"": ["--check"]}),
}
CASES = [pytest.param([*command, *([option] if option else []), value], id=f"{name} {option} {value[:24]!r}")
         for name, (command, options) in COMMANDS.items() for option, values in options.items() for value in values]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad") / "set"
    assert main([*DISTILL, "--network", "ConvNetD1", "--width", "4", "--updates", "2", "--set", "network_steps=1",
                 "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def untrained(monkeypatch):
    """Nothing may be trained or distilled."""
    def trained(*_, **__):
        raise AssertionError("a training has begun")

    monkeypatch.setattr(fitting, "_epoch", trained)
    monkeypatch.setattr(distill._Run, "remember", trained)
    monkeypatch.setattr(OneNetwork, "update", trained)


@pytest.mark.parametrize("arguments", CASES)
def test_a_bad_value_is_one_sentence_and_costs_nothing(arguments, made, tmp_path, capfd, untrained, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    names = {"SET": str(made), "NOWHERE": str(tmp_path / "nowhere"), "FILE": str(tmp_path / "file")}
    monkeypatch.setenv("DDKIT_RUNS", str(tmp_path / "runs"))
    capfd.readouterr()
    assert main([names.get(a, a) for a in arguments]) == 2
    told = capfd.readouterr()
    assert told.out == "" and told.err.startswith("ddkit: ") and told.err.count("\n") == 1, told.err
    assert {p.name for p in tmp_path.iterdir()} == {"file"}


@pytest.mark.parametrize("option", ["--out", "--runs"])
@pytest.mark.parametrize("name", ["", " ", "x" * 300, "é" * 200, "a/" + "y" * 256, "line\nbreak", "nul\0", "bell\a"])
def test_names_that_no_file_can_have(option, name, tmp_path, capfd, untrained, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*DISTILL, option, name]) == 2
    assert capfd.readouterr().err.count("\n") == 1 and not list(tmp_path.iterdir())


def test_home_is_expanded_in_paths(made, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["coreset", "--ipc", "1", "--out", "~/chosen"]) == 0
    assert (tmp_path / "chosen" / "record.json").exists()
    monkeypatch.setenv("DDKIT_RUNS", "~/runs")
    assert main(["coreset", "--ipc", "1", "--seed", "3"]) == 0
    assert list((tmp_path / "runs").glob("coreset-*"))


def test_whole_numbers_may_be_written_as_powers_of_ten(tmp_path):
    arguments = [*DISTILL, "--network", "ConvNetD1", "--width", "4", "--updates", "1", "--set", "network_steps=1e0"]
    assert main([*arguments, "--set", "real_batch=1e3", "--out", str(tmp_path / "out")]) == 0


def test_one_damaged_record_does_not_hide_the_others(made, tmp_path, capsys):
    assert main(["coreset", "--ipc", "1", "--runs", str(tmp_path)]) == 0
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "record.json").write_text("{")
    capsys.readouterr()
    assert main(["runs", "--runs", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "coreset-digits-herding-ipc1" in told and str(tmp_path / "bad" / "record.json") in told
    assert main(["runs", "--runs", str(tmp_path), "--json"]) == 0
    assert str(tmp_path / "bad" / "record.json") in capsys.readouterr().err


@pytest.mark.parametrize(("error", "says"), [
    (OSError(28, "No space left on device", "/x/y"), "/x/y: No space left on device"),
    (PermissionError(13, "Permission denied", "/x"), "Permission denied"), (MemoryError(), "not enough memory"),
    (RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory: you tried"),
     "not enough memory"), (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "not enough memory")])
def test_what_the_machine_cannot_do_is_one_sentence(error, says, tmp_path, capsys, monkeypatch):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr(fitting, "_epoch", fails)
    assert main(["baseline", "--network", "MLP", "--runs", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert says in told and told.count("\n") == 1


def test_a_fault_of_the_program_still_shows_where(tmp_path, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("a bug")

    monkeypatch.setattr(fitting, "_epoch", fails)
    with pytest.raises(RuntimeError, match="a bug"):
        main(["baseline", "--network", "MLP", "--runs", str(tmp_path)])


def test_memory_is_the_least_of_its_limits(monkeypatch):
    assert 0 < memory.available() <= psutil.virtual_memory().total
    monkeypatch.setattr(memory, "available", lambda: 5 << 30)
    memory.require_memory(5 << 30, "this")
    with pytest.raises(InputError, match=r"this would take about 9 GiB of memory, and 5\.0 GiB are free: ask for less"):
        memory.require_memory(8 << 30, "this")


def test_a_limit_of_the_process_is_seen():
    code = ("import resource, psutil; from ddkit.foundation.memory import available; "
            "now = psutil.Process().memory_info().vms; "
            "resource.setrlimit(resource.RLIMIT_AS, (now + (1 << 28),) * 2); print(available() <= 1 << 28)")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "True"


def _square(number: int) -> int:
    return number * number


@pytest.mark.parametrize("wanted", [1, 2, 5])
def test_tasks_come_back_in_order_and_workers_are_no_more_than_tasks(wanted, monkeypatch):
    import joblib

    used, real = [], joblib.Parallel
    monkeypatch.setattr(joblib, "Parallel", lambda n_jobs: used.append(n_jobs) or real(n_jobs=n_jobs))
    with joblib.parallel_config(n_jobs=wanted):
        assert workers.in_parallel(_square, [(2,), (3,)]) == [4, 9]
    assert used == [min(wanted, 2)]


def _refuse_two(number: int) -> int:
    if number == 2:
        raise InputError("two cannot work")
    return number


@pytest.mark.parametrize("wanted", [1, 2])
def test_what_cannot_work_in_one_worker_is_raised_as_it_is(wanted):
    import joblib

    with joblib.parallel_config(n_jobs=wanted), pytest.raises(InputError, match="two cannot work"):
        workers.in_parallel(_refuse_two, [(1,), (2,), (3,)])


@pytest.fixture
def started(tmp_path):
    """``started(arguments)``: a command in a process of its own, which does not outlive the test."""
    processes = []

    def start(arguments) -> subprocess.Popen:
        command = [sys.executable, "-m", "ddkit", *arguments, "--runs", str(tmp_path / "runs")]
        processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_an_error_in_a_worker_is_one_sentence(started, tmp_path):
    """Each worker finds a file where its folder should be; nothing of joblib's stands around the sentence."""
    arguments = ["experts", "--network", "MLP", "--epochs", "1", "--experts", "2"]
    assert main([*arguments, "--runs", str(tmp_path / "runs")]) == 0
    folder = next((tmp_path / "runs").iterdir())
    (folder / "record.json").unlink()
    for expert in folder.glob("expert-*"):
        shutil.rmtree(expert)
        expert.write_text("in the way")
    process = started([*arguments, "--jobs", "2"])
    told = [line for line in process.communicate(timeout=600)[1].splitlines() if "MiB" not in line]
    assert process.returncode == 2 and len(told) == 1 and told[0].startswith("ddkit: cannot write"), told


def wait_for(condition, seconds: float = 300.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    return condition()


LONG = ["experts", "--network", "MLP", "--epochs", "5000", "--experts", "2"]


def test_workers_leave_when_their_parent_is_killed(started, tmp_path):
    process = started([*LONG, "--jobs", "2"])
    assert wait_for(lambda: len(list((tmp_path / "runs").glob("*/expert-*/epoch-*"))) > 4)
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 2
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert wait_for(lambda: not any(child.is_running() for child in children), 10)


def test_being_told_to_end_is_an_interruption(started, tmp_path):
    process = started(LONG)
    assert wait_for(lambda: len(list((tmp_path / "runs").glob("*/expert-*/epoch-*"))) > 2)
    process.terminate()
    assert "the same command goes on from there" in process.communicate(timeout=300)[1] and process.returncode == 143


def test_a_reader_that_leaves_is_no_error(tmp_path):
    code = "import sys; from ddkit.__main__ import main; sys.exit(main(['runs', '--json']))"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait() in (0, 141)
