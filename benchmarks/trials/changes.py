"""What is wrong with a forged file, in words, and the change that makes it so: one table for each kind of file.

A change takes the sound content and gives another, or changes it in place and gives None.
"""

import math
from collections.abc import Callable

import torch

DEEP = "[" * 100_000 + "]" * 100_000
TEXTS = {"a number": "5", "a list": "[1]", "other keys": '{"a": 1}', "deep": DEEP, "null": "null", "nothing": "",
         "a long number": "1" * 10**6, "NaN": "NaN"}


def put(*keys_and_value) -> Callable[[dict], None]:
    """A change: the value at the end of a path of keys."""
    *keys, last, value = keys_and_value

    def change(content) -> None:
        for key in keys:
            content = content[key]
        content[last] = value

    return change


RECORD_CHANGES = {
    "an empty object": lambda content: {"": 0},
    "a list": lambda content: [1],
    "no spec": lambda content: content.pop("spec") and content,
    "an unknown type": put("spec", "type", "os.system"),
    "no type": lambda content: content["spec"].pop("type") and None,
    "a spec that is a list": put("spec", [1]),
    "a word for ipc": put("spec", "ipc", "two"),
    "a negative ipc": put("spec", "ipc", -5),
    "ipc 10**9": put("spec", "ipc", 10**9),
    "another data set": put("spec", "dataset", "../../x"),
    "options that are words": put("spec", "options", "abc"),
    "an unknown field": put("spec", "speed", 1),
    "updates 10**9": put("updates", 10**9),
    "infinite updates": put("updates", math.inf),
    "no seconds": put("seconds", None),
    "a number for made": put("made", 5),
    "words for losses": put("result", "losses", ["a", "b"]),
    "no result": put("result", {}),
    "a list for a result": put("result", []),
    "notes 5": put("notes", 5),
    "a number for a folder": put("folder", 5),
}
SET_CHANGES = {
    "std 0": {"std": [0.0]},
    "std below 0": {"std": [-1.0]},
    "std NaN": {"std": [math.nan]},
    "std of words": {"std": ["a"]},
    "three means": {"mean": [0.1, 0.2, 0.3]},
    "classes ..": {"classes": ["..", "../.."]},
    "classes with slashes": {"classes": ["/tmp/x", "a\\b"]},
    "empty names": {"classes": ["", ""]},
    "equal names": {"classes": ["a", "a"]},
    "long names": {"classes": ["a" * 300, "b"]},
    "one class": {"classes": ["a"]},
    "numbers for classes": {"classes": [0, 1]},
    "an unknown meaning": {"labels": "wishes"},
    "no origin": {"origin": None},
    "a list for an origin": {"origin": [1]},
    "another fingerprint": {"origin": {"fingerprint": 5}},
    "notes 5": {"origin": {"notes": 5, "fingerprint": "x"}},
}
RATES = {"NaN": math.nan, "infinite": math.inf, "0": 0.0, "below 0": -1.0, "1e30": 1e30, "a word": "fast",
         "a list": [1.0]}
TENSOR_CHANGES = {
    "labels out of range": lambda t: {"labels": t["labels"] + 9},
    "labels below 0": lambda t: {"labels": t["labels"] - 5},
    "int32 labels": lambda t: {"labels": t["labels"].int()},
    "labels with fractions": lambda t: {"labels": t["labels"] + 0.5},
    "too few labels": lambda t: {"labels": t["labels"][:-1]},
    "images NaN": lambda t: {"images": t["images"] * math.nan},
    "infinite images": lambda t: {"images": t["images"] + math.inf},
    "float64 images": lambda t: {"images": t["images"].double()},
    "images of bytes": lambda t: {n: t[n].byte() for n in ("images", "start")},
    "small images": lambda t: {n: t[n][:, :, :5, :5].contiguous() for n in ("images", "start")},
    "three channels": lambda t: {n: t[n].repeat(1, 3, 1, 1) for n in ("images", "start")},
    "flat images": lambda t: {n: t[n].flatten(1) for n in ("images", "start")},
    "no images": lambda t: {n: t[n][:0] for n in ("images", "start", "labels")},
    "unsorted labels": lambda t: {"labels": t["labels"].flip(0).contiguous()},
}
CHECKPOINT_CHANGES = {
    "updates 10**9": put("history", "updates", 10**9),
    "updates below 0": put("history", "updates", -3),
    "a word for updates": put("history", "updates", "x"),
    "no history": put("history", {}),
    "another history": put("history", "speed", 1),
    "no parameters": put("parameters", []),
    "other parameters": put("parameters", [torch.zeros(3)]),
    "NaN images": put("parameters", 0, torch.tensor(math.nan)),
    "no method": put("method", {}),
    "a list for a method": put("method", [1]),
    "no streams": put("method", "streams", {}),
    "broken streams": put("method", "streams", "sampling", torch.zeros(3)),
    "losses 5": put("history", "losses", 5),
    "done -1": put("method", "done", -1),
}
SEED_CHANGES = {
    "a word for a score": put("accuracy", "good"),
    "NaN": put("accuracy", math.nan),
    "accuracy 7": put("accuracy", 7),
    "another confusion": put("confusion", [[1]]),
    "a word for a confusion": put("confusion", "x"),
    "another seed": put("seed", 9),
}
# Of anything that torch saved.
STATE_CHANGES = {
    "a number": lambda content: 5,
    "a list": lambda content: [1],
    "other keys": lambda content: {"a": 1},
    "keys without values": lambda content: dict.fromkeys(content),
    "keys with lists": lambda content: {name: [1, 2] for name in content},
}
# Of files of the field, by the sound images x and labels y.
PT_CONTENTS = {
    "a number": lambda x, y: 5,
    "a list": lambda x, y: [x, y],
    "no sets": lambda x, y: {"data": []},
    "one tensor": lambda x, y: {"data": [[x]]},
    "words": lambda x, y: {"data": [["a", "b"]]},
    "labels out of range": lambda x, y: {"data": [[x, y + 9]]},
    "labels below 0": lambda x, y: {"data": [[x, y - 9]]},
    "three-fold labels": lambda x, y: {"data": [[x, y[:, None, None].repeat(1, 2, 2)]]},
    "labels NaN": lambda x, y: {"data": [[x, torch.full((len(x), 2), math.nan)]]},
    "labels below 0 in sum": lambda x, y: {"data": [[x, -torch.ones(len(x), 2)]]},
    "fifty classes": lambda x, y: {"data": [[x, torch.ones(len(x), 50)]]},
    "labels with fractions": lambda x, y: {"data": [[x, y + 0.5]]},
    "a label": lambda x, y: {"data": [[x, y[0]]]},
    "images NaN": lambda x, y: {"data": [[x * math.nan, y]]},
    "flat images": lambda x, y: {"data": [[x.flatten(1), y]]},
    "a number for images": lambda x, y: {"data": [[1.0, y]]},
    "no images": lambda x, y: {"data": [[x[:0], y[:0]]]},
    "complex images": lambda x, y: {"data": [[x + 1j, y]]},
    "true and false": lambda x, y: {"data": [[x > 0, y]]},
    "sparse images": lambda x, y: {"data": [[x.to_sparse(), y]]},
    "images on meta": lambda x, y: {"data": [[x.to("meta"), y]]},
    "a view of a giant": lambda x, y: {"data": [[x[:1].expand(10**8, *x.shape[1:]), y[:1].expand(10**8)]]},
    "images 1e38": lambda x, y: {"data": [[x * 1e38, y]]},
}
LABELS = {
    "NaN": lambda x, y: torch.full((len(x), 2), math.nan),
    "flat": lambda x, y: y.float(),
    "out of range": lambda x, y: y + 9,
    "a number": lambda x, y: 3,
}
