"""One DataDAM image update, ours against the straightforward version: ``python benchmarks/datadam_update.py``.

10 x 256 real and 10 x 10 synthetic images of 1x28x28, ConvNet-3. The straightforward version passes the
whole real batch at once and keeps the maps by hooks, as research code does. Each runs in a fresh
process, in turn for several rounds; time is the median update, memory the process's peak above what it held
before the first one, and the figures are medians over the rounds.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil
import torch
from torch import nn

from ddkit.data import Dataset, Split
from ddkit.data.augment import apply
from ddkit.foundation.device import describe, keep_freed_memory
from ddkit.foundation.files import write_json
from ddkit.foundation.randomness import stream
from ddkit.methods.matching.datadam import Config, DataDAM, attention_matching_loss
from ddkit.networks import ConvNet
from ddkit.networks.cost import peak_memory_mib
from ddkit.synthetic import SyntheticSet

CLASSES, REAL, IPC = 10, 256, 10
CPU = torch.device("cpu")


def random_dataset(classes: int, per_class: int, shape: tuple[int, int, int]) -> Dataset:
    """``per_class`` random images of ``shape`` (C, H, W) in each class: cost does not depend on what they show."""
    images = torch.randn(classes * per_class, *shape, generator=stream(0, "benchmark"))
    split = Split(images, torch.arange(classes).repeat_interleave(per_class))
    names = tuple(str(c) for c in range(classes))
    return Dataset("random", split, split, split, names, (0.0,) * shape[0], (1.0,) * shape[0], "none", flips=False)


def plain_convnet(network: ConvNet) -> nn.Sequential:
    """The same network with the same weights, of torch's own layers."""
    layers = [layer for block in network.blocks for layer in (block.conv, block.norm, nn.ReLU(inplace=True),
                                                              nn.AvgPool2d(2))]
    return nn.Sequential(*layers, nn.Flatten(), network.classifier)


class Straightforward(DataDAM):
    """The same update, written the obvious way."""

    def _match(self, real, draw):
        network, kept = plain_convnet(self.network), []
        for layer in network:
            if isinstance(layer, nn.ReLU | nn.Flatten):
                layer.register_forward_hook(lambda _, __, output: kept.append(output))
        sides = []
        for images in (real, apply(self.synthetic.images, draw)):
            kept.clear()
            network(images)
            *maps, _, embedding = kept
            sides.append([f.unflatten(0, (CLASSES, -1)) for f in (*maps, embedding)])
        real, synthetic = sides
        loss = attention_matching_loss([r.detach() for r in real], synthetic, self.config.lam, self.config.power)
        (self.config.loss_scale * loss).backward(inputs=self.synthetic.parameters())
        return loss.item()


def measure(kind: type[DataDAM], config: Config, dataset: Dataset, ipc: int, updates: int) -> dict:
    """Seconds of every update, peak MiB of the process and what it held before the first one, and the last loss."""
    synthetic = SyntheticSet.from_noise(dataset, ipc, stream(0, "images"))
    synthetic.images.requires_grad_()
    if kind is DataDAM:
        keep_freed_memory()  # as the distillation loop does
    method = kind(config)
    method.start(dataset, synthetic, lambda name: stream(0, name))
    idle = psutil.Process().memory_info().rss / 2**20
    seconds, loss = [], 0.0
    for _ in range(updates):
        start = time.perf_counter()
        loss = method.update()["loss"]
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds, "peak_mib": peak_memory_mib(CPU), "idle_mib": idle, "loss": loss}


def median_update(kind: type[DataDAM], width: int, updates: int) -> dict:
    """Median seconds and peak MiB above idle of an update without network training, and the last loss."""
    found = measure(kind, Config(width=width, network_steps=0, power=1), random_dataset(CLASSES, REAL, (1, 28, 28)),
                    IPC, updates)
    return {"seconds": statistics.median(found["seconds"][1:]), "peak_mib": found["peak_mib"] - found["idle_mib"],
            "loss": found["loss"]}


def matrix_product_speed() -> float:
    """FLOP/s of a 2048 x 2048 float32 matrix product: what this machine can do at best."""
    a = torch.randn(2048, 2048)
    times = []
    for _ in range(8):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return 2 * 2048**3 / min(times)


def update_flops(width: int) -> float:
    """FLOPs of an update: the real images forward, the synthetic ones forward and backward."""
    from ddkit.networks import build
    from ddkit.networks.cost import measure as count

    forward = count(build("ConvNetD3", 1, CLASSES, 28, width=width, generator=stream(0, "count")), (1, 28, 28)).flops
    return forward * CLASSES * (REAL + 3 * IPC)


def in_fresh_process(kind: str, width: int, updates: int) -> dict:
    command = [sys.executable, __file__, "--only", kind, "--width", str(width), "--updates", str(updates)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def median_of(found: list[dict]) -> dict:
    """The median of every figure over the rounds."""
    return {name: statistics.median(one[name] for one in found) for name in found[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--updates", type=int, default=7, help="updates, the first of which is not timed")
    parser.add_argument("--rounds", type=int, default=5, help="fresh processes of each kind, in turn")
    parser.add_argument("--record", metavar="FILE", help="also write the figures as JSON")
    parser.add_argument("--only", choices=("ours", "straightforward"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        kind = {"ours": DataDAM, "straightforward": Straightforward}[options.only]
        print(json.dumps(median_update(kind, options.width, options.updates)))
        return
    rounds = {"ours": [], "straightforward": []}  # in turn, so that both see the machine's good and bad moments
    for _ in range(options.rounds):
        for kind, found in rounds.items():
            found.append(in_fresh_process(kind, options.width, options.updates))
    ours, other = (median_of(found) for found in rounds.values())
    speed, flops = matrix_product_speed(), update_flops(options.width)
    for name, found in (("ours", ours), ("straightforward", other)):
        share = flops / found["seconds"] / speed
        print(f"{name:16} {found['seconds']:7.2f} s   {found['peak_mib']:8.0f} MiB above idle   "
              f"{100 * share:3.0f} % of the matrix product's {speed / 1e9:.0f} GFLOP/s   loss {found['loss']:.6f}")
    print(f"ours takes {ours['seconds'] / other['seconds']:.2f} of the straightforward version's time")
    if options.record:
        write_json(Path(options.record), {
            "width": options.width, "rounds": options.rounds, "device": describe(CPU), "torch": torch.__version__,
            "ours": ours, "straightforward": other, "time_ratio": ours["seconds"] / other["seconds"],
            "matrix_product_gflops": speed / 1e9, "share_of_matrix_product": flops / ours["seconds"] / speed})


if __name__ == "__main__":
    main()
