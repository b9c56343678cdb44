"""The command line: ``python -m ddkit course`` and its parts."""

import argparse
import contextlib
import os
import signal
import sys
import threading
from pathlib import Path

from ddkit.applications.continual import command as continual_commands
from ddkit.applications.search import command as search_command
from ddkit.cli import sets as set_options
from ddkit.cli.options import add_data, add_settings, check_all, jobs, require_width_used, settings, show, width_of
from ddkit.foundation.errors import Diverged, InputError, Stopped, Terminated, Unmoved, one_of, require
from ddkit.foundation.files import expanded
from ddkit.foundation.progress import say

EPILOG = """examples:
  python -m ddkit course
      the whole of Task 1 on scikit-learn's digits, in a few minutes, nothing downloaded
  python -m ddkit distill --dataset mnist --preset course --ipc 10 --init real --out runs/real
      distil ten images per class; the same command resumes a run that was stopped
  python -m ddkit evaluate runs/real --protocol standard --seeds 5
      train five networks on them, beside random real images and the undistilled start
  python -m ddkit continual --dataset mnist --memory random,datadam --ipc 10
      learn two classes at a time, with ten images of each kept
"""


PATHS = ("data", "runs", "out", "figures", "figure", "export", "pt", "run", "path")  # options that name files


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code (2: bad input, 1: the run failed, 130: interrupted, 143: told to end)."""
    options = _parser().parse_args(arguments)
    try:
        with _ended_as_interrupted():
            _check_texts(options)
            options.command(options)
            sys.stdout.flush()
        return 0
    except InputError as error:
        return _say(error, 2)
    except (Diverged, Unmoved) as error:
        return _say(error, 1)
    except (KeyboardInterrupt, Stopped) as error:
        print("\nddkit: interrupted; what was done is saved, and the same command goes on from there", file=sys.stderr)
        return 143 if isinstance(error, Terminated) else 130
    except BrokenPipeError:  # nobody reads on, as with head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (OSError, MemoryError, RuntimeError) as error:
        sentence = _of_the_machine(error)
        if sentence is None:
            raise
        return _say(sentence, 1)


def _say(sentence: object, code: int) -> int:
    print(f"ddkit: {sentence}", file=sys.stderr)
    return code


@contextlib.contextmanager
def _ended_as_interrupted():
    """While the block runs, being told to end (SIGTERM) is an interruption."""
    def end(*_):
        raise Terminated

    if threading.current_thread() is not threading.main_thread():  # which alone hears signals
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _check_texts(options) -> None:
    """Refuse what no name or path can be, and expand ``~`` in paths."""
    for name, value in vars(options).items():
        if isinstance(value, str):
            require(value.isprintable(), f"--{name.replace('_', '-')} holds characters that cannot be printed: "
                                         f"{value[:40]!r}")
            if name in PATHS:
                require(value.strip() != "", f"a path is blank ({name}): name a file or folder")
                setattr(options, name, str(expanded(value)))


def _of_the_machine(error: BaseException) -> str | None:
    """What the machine could not do, in a sentence; None if the program is to blame."""
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}; the same command goes on from what was saved before"
    words = str(error).splitlines()[0] if str(error) else ""
    if isinstance(error, MemoryError) or "allocate memory" in words or "out of memory" in words:
        return "there is not enough memory for this: ask for fewer or smaller images, or narrower networks"
    return None


def _course(options) -> None:
    from ddkit.course import task_1 as course
    from ddkit.course.profiles import profile

    chosen = profile(options.profile, options.dataset)
    results = course.work(chosen, root=options.runs, data=options.data, say=say)
    paths = course.figures(results, chosen, Path(options.figures) / f"{chosen.name}-{chosen.dataset}")
    print(course.report(results, chosen, "github" if options.markdown else "simple"))
    print(f"\n{len(paths)} figures in {paths[0].parent}")


def _baseline(options) -> None:
    from ddkit.plots import tables
    from ddkit.runs import run
    from ddkit.specs import Evaluate, Full

    one_of(options.protocol, ("assignment", "standard", "matched"), "protocol of a baseline")
    require_width_used(options.width, [options.network])
    spec = Evaluate(Full(options.dataset, options.size), options.protocol, options.network, width_of(options),
                    options.seeds, options.epochs)
    record = run(spec, root=options.runs, folder=options.out, data=options.data)
    show(record.as_dict(), options, f"{tables.costs(record)}\n\n{record}")


def _experts(options) -> None:
    from joblib import parallel_config

    from ddkit.runs import run
    from ddkit.specs import Experts
    from ddkit.training.experts import Plan

    require_width_used(options.width, [options.network])
    plan = Plan(options.network, width_of(options), options.experts, options.epochs, sharpness=options.sharpness,
                difficulty=options.difficulty, half=options.half)
    with parallel_config(n_jobs=jobs(options)):
        record = run(Experts(options.dataset, plan, options.seed, options.size), root=options.runs, data=options.data)
    if options.export:
        from ddkit.data import load

        record.trajectories.export_buffer(options.export, load(options.dataset, options.data, options.size))
    last = ", ".join(f"{100 * accuracies[-1]:.2f}" for accuracies in record.result["accuracies"])
    show(record.as_dict(), options, f"{record}\nvalidation accuracy of the experts at their end: {last} %")


def _distill(options) -> None:
    from ddkit.methods import presets
    from ddkit.methods.loop import Callback
    from ddkit.runs import run
    from ddkit.specs import Distill

    spec = Distill(options.dataset, options.method, options.preset, options.ipc, options.init, options.network,
                   options.width, options.updates, options.seed, options.size, settings(options))

    class Announce(Callback):
        def on_start(self, synthetic, history):
            for sentence in presets.departures(options.method, options.preset, options.dataset):
                say(f"{options.preset}: {sentence}")
            say(f"{spec.total_updates} updates of {len(synthetic.images)} images, {history.updates} done before")

    record = run(spec, root=options.runs, folder=options.out, data=options.data, callbacks=(Announce(),),
                 validate_every=options.validate_every)
    moved = f"{record.updates} updates moved the images by {record.result['moved']:.2f}"
    show(record.as_dict(), options, f"{record}\n{moved}; they are in {record.folder}")


def _evaluate(options) -> None:
    from ddkit.plots import tables
    from ddkit.runs import run
    from ddkit.specs import Evaluate

    sources, network, width = set_options.sources(options)
    network = network if options.network is None else options.network
    require_width_used(options.width, [network])
    protocols = dict.fromkeys(sources, options.protocol)
    if options.protocol == "learned":  # what it is compared with has learned no rate
        protocols |= dict.fromkeys(list(sources)[1:], "standard")
    specs = {name: Evaluate(source, protocols[name], network, width_of(options, width), options.seeds, options.epochs)
             for name, source in sources.items()}
    check_all(specs.values(), options)
    records = {name if protocols[name] == options.protocol else f"{name} ({protocols[name]} protocol)":
               run(spec, root=options.runs, data=options.data) for name, spec in specs.items()}
    first, *others = records
    beside = {name: records[name].scores.summary() for name in others}
    content = {**records[first].as_dict(), **records[first].scores.summary(), "beside": beside}
    show(content, options, f"{set_options.heading(sources)}\n\n{tables.scores(records)}")


def _transfer(options) -> None:
    from ddkit.plots import tables
    from ddkit.runs import run
    from ddkit.specs import Evaluate

    sources, _, width = set_options.sources(options)
    networks = options.networks.split(",")
    require_width_used(options.width, networks)
    specs = {name: {network: Evaluate(source, options.protocol, network, width_of(options, width), options.seeds,
                                      options.epochs) for network in networks} for name, source in sources.items()}
    check_all([spec for row in specs.values() for spec in row.values()], options)
    records = {name: {n: run(spec, root=options.runs, data=options.data) for n, spec in row.items()}
               for name, row in specs.items()}
    content = {name: {n: r.as_dict() for n, r in row.items()} for name, row in records.items()}
    show(content, options, f"{set_options.heading(sources)}\n\n{tables.transfer(records)}")


def _search(options) -> None:
    sources, _, _ = set_options.sources(options)
    sources.pop("start", None)
    content, text = search_command.work(sources, options)
    show(content, options, f"{set_options.heading(sources)}\n\n{text}")


def _show_run(options) -> None:
    from ddkit import plots
    from ddkit.runs import Record
    from ddkit.synthetic import formats

    record = Record.load(options.run)
    kind = record.spec["type"]
    require(kind in ("Distill", "Coreset"), f"{options.run} holds no distilled or chosen images: name the folder of "
                                            "a distillation or coreset")
    folder = Path(options.out or Path(options.run) / "figures")
    drawn = {"images": plots.image_grid(record.synthetic)}
    if kind == "Distill":
        drawn |= {"change": plots.start_end_difference(record.synthetic), "loss": plots.loss_curve({"loss": record})}
        if record.evolution:
            drawn["evolution"] = plots.evolution(record)
    paths = [path for name, figure in drawn.items() for path in plots.save(figure, folder, name)]
    if options.png:
        paths += formats.export_png(record.synthetic, folder / "png")
    if options.pt:
        formats.export_pt(record.synthetic, options.pt)
        paths.append(Path(options.pt))
    text = f"{record}\n" + "\n".join(str(path) for path in paths if path.suffix == ".png" and path.parent == folder)
    show({"record": record.as_dict(), "files": [str(p) for p in paths]}, options, text)


def _runs(options) -> None:
    from ddkit.runs import RECORD, REFERENCE, Record, runs_root
    from ddkit.runs.working import STARTED

    here, found = runs_root(options.runs), {}
    require(here.is_dir() or not here.exists(), f"{here} is no folder: name one that runs are kept in")
    for path in sorted([*here.glob(f"*/{RECORD}"), *REFERENCE.glob(f"*/{RECORD}")]):
        try:
            found[path] = Record.load(path.parent)
        except InputError as error:  # one of them must not hide the others
            found[path] = error
            say(f"ddkit: {error}", quiet=not options.json)
    started = [path.parent.name for path in sorted(here.glob(f"*/{STARTED}")) if path.parent / RECORD not in found]
    lines = [*map(str, found.values()), *(f"{name}: interrupted, resumes when run again" for name in started)]
    records = [one for one in found.values() if isinstance(one, Record)]
    show([{"folder": str(r.folder), **r.as_dict()} for r in records], options, "\n".join(lines) or "no runs yet")


def _data(options) -> None:
    from ddkit.data.sources import mhist, mhist_like

    path = Path(options.path)
    if options.make:
        require(options.dataset == "mhist_like", "MHIST itself cannot be made, only read: use 'data mhist_like' for "
                                                 "synthetic images in its layout")
        chosen = {name: getattr(options, name) for name in ("number", "size", "seed")}
        mhist_like.make(path, zipped=options.zip, **{name: n for name, n in chosen.items() if n is not None})
    copy, report = mhist.check(path)
    show(report, options, mhist.describe(report))
    copy.require_whole()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m ddkit", description="Learn dataset distillation by doing it.", epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".",
                                  formatter_class=argparse.ArgumentDefaultsHelpFormatter)
        sub.set_defaults(command=command)
        sub.add_argument("--data", metavar="DIR", help="where the data files are (None: DDKIT_DATA, else ./data)")
        sub.add_argument("--runs", metavar="DIR", help="where runs are kept (None: DDKIT_RUNS, else data/runs)")
        return sub

    course = add("course", _course, "the whole of Task 1: baseline, DataDAM from real and from noise, scores, transfer")
    course.add_argument("--dataset", help="data set (None: the profile's)")
    course.add_argument("--profile", default="quick", help="quick (digits, minutes), laptop (MNIST), full (Table 1)")
    course.add_argument("--figures", default="figures", metavar="DIR", help="where the figures go")
    course.add_argument("--markdown", action="store_true", help="print the tables as GitHub's Markdown")

    baseline = add("baseline", _baseline, "train on the full data; report accuracy, MACs, FLOPs and FLOP/s")
    add_data(baseline)
    _training_options(baseline, protocol="assignment", seeds=1, network="ConvNetD3")
    baseline.add_argument("--out", metavar="DIR", help="folder of this run (None: one under --runs)")

    distill = add("distill", _distill, "distil a data set; the same command resumes an interrupted run")
    add_data(distill)
    distill.add_argument("--method", default="datadam", help="distillation method")
    distill.add_argument("--preset", default="course",
                         help="settings: course, paper or official_code of datadam; mtt, datm or pad of trajectory; "
                              "course of the others")
    distill.add_argument("--ipc", type=int, default=10, help="images per class")
    distill.add_argument("--init", default="real",
                         help="start from random real images (real), chosen ones (herding, k-centre) or noise")
    distill.add_argument("--network", help="network to match on (None: the preset's)")
    distill.add_argument("--width", type=int, help="its width (None: the preset's)")
    distill.add_argument("--updates", type=int, help="updates of the images (None: the preset's)")
    distill.add_argument("--seed", type=int, default=0, help="of everything random in the run")
    distill.add_argument("--lr", type=float, help="learning rate of the images (None: the preset's)")
    add_settings(distill)
    distill.add_argument("--validate-every", type=int, default=0, metavar="N",
                         help="score on validation data every N updates (0: never)")
    distill.add_argument("--out", metavar="DIR", help="folder of this run (None: one under --runs)")

    experts = add("experts", _experts, "train expert trajectories for trajectory matching; resumes expert by expert")
    add_data(experts)
    experts.add_argument("--network", default="ConvNetD3", help="network of the experts")
    experts.add_argument("--width", type=int, help="its width, of a ConvNet (None: 128)")
    experts.add_argument("--experts", type=int, default=10, help="how many")
    experts.add_argument("--epochs", type=int, default=50, help="length of each, with a snapshot per epoch")
    experts.add_argument("--sharpness", type=float, default=0.0, help="radius for flat (sharpness-aware) experts")
    experts.add_argument("--difficulty", default="none", help="none, or PAD's schedule by el2n or grand")
    experts.add_argument("--half", action="store_true", help="store snapshots in half precision")
    experts.add_argument("--seed", type=int, default=0, help="of everything random in them")
    experts.add_argument("--jobs", type=int, default=1, help="experts trained at the same time")
    experts.add_argument("--export", metavar="FILE", help="also write the field's buffer file")

    chosen = continual_commands.add_to(add)
    evaluate = add("evaluate", _evaluate, "train networks on a distilled set, beside its start and random real images")
    set_options.add_options(evaluate)
    _training_options(evaluate, protocol="standard", seeds=5)

    transfer = add("transfer", _transfer, "score a distilled set on other networks")
    set_options.add_options(transfer)
    transfer.add_argument("--networks", default="MLP,LeNet,AlexNet,VGG11,ResNet18", help="separated by commas")
    _training_options(transfer, protocol="standard", seeds=3, one_network=False)

    search = add("search", _search, "choose among many networks by training them on a distilled set; was it right?")
    set_options.add_options(search)
    search_command.add_options(search)

    drawing = add("show", _show_run, "draw a distilled set: images, change, evolution, loss")
    drawing.add_argument("run", metavar="DIR", help="folder of a distillation or coreset")
    drawing.add_argument("--out", metavar="DIR", help="where the figures go (None: DIR/figures)")
    drawing.add_argument("--png", action="store_true", help="also write every image as a PNG, a folder per class")
    drawing.add_argument("--pt", metavar="FILE", help="also export the field's .pt layout")

    runs = add("runs", _runs, "list the runs made here and those that come with the repository")
    data = _data_command(commands)
    for sub in (baseline, experts, distill, *chosen, evaluate, transfer, search, drawing, runs, data):
        sub.add_argument("--json", action="store_true", help="print the record as JSON, nothing else, on stdout")
    return parser


def _data_command(commands) -> argparse.ArgumentParser:
    text = "check a copy of MHIST, or make a synthetic stand-in (mhist_like) in its layout"
    parser = commands.add_parser("data", help=text, description=text[0].upper() + text[1:] + ".",
                                 formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.set_defaults(command=_data)
    parser.add_argument("dataset", choices=("mhist", "mhist_like"), help="data set")
    parser.add_argument("path", metavar="PATH", help="folder of annotations.csv and images/ or images.zip")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", action="store_true", help="say whether the copy is whole, or what is wrong with it")
    what.add_argument("--make", action="store_true", help="draw synthetic images into the folder, then check it")
    parser.add_argument("--number", type=int, help="images to make (None: MHIST's 3152)")
    parser.add_argument("--size", type=int, help="their side length in pixels (None: 64)")
    parser.add_argument("--seed", type=int, help="of everything random in them (None: 0)")
    parser.add_argument("--zip", action="store_true", help="make images.zip instead of images/")
    return parser


def _training_options(parser, protocol: str, seeds: int, network=None, one_network: bool = True) -> None:
    parser.add_argument("--protocol", default=protocol,
                        help="assignment, standard, matched or learned; of a kernel: kernel or trained_kernel")
    parser.add_argument("--epochs", type=int, help="instead of the protocol's own length")
    parser.add_argument("--seeds", type=int, default=seeds, help="networks to train")
    if one_network:
        parser.add_argument("--network", default=network, help="network to train (None: the distillation's)")
    parser.add_argument("--width", type=int, help="width of a ConvNet (None: the distillation's, else 128)")


if __name__ == "__main__":
    sys.exit(main())
