"""The named settings of distillation through training."""

from ddkit.methods.method import Preset

_DD = {"optimiser": "adam", "decay": "halved"}
_ONE = {"initialisation": "fixed", "steps": 3, "step_images": 0}
_SLDD = {"learned_labels": True, "rate": 0.01, "updates": 20650}
_RTP = {"ordered": False, "learned_rates": False, "steps": 150, "step_images": 10, "rate": 0.01, "momentum": 0.9,
        "real_batch": 64, "optimiser": "sgd", "image_lr": 0.1, "image_momentum": 0.5, "decay": "none", "clip": "norm",
        "clip_at": 2.0, "augmented": True, "network": "ConvNetD3", "updates": 500000}
_RAT = {"ordered": False, "learned_rates": False, "steps": 200, "window": 60, "step_images": 0, "rate": 0.01,
        "momentum": 0.9, "real_batch": 500, "image_lr": 1e-3, "image_momentum": 0.9, "decay": "none",
        "clip": "running", "clip_at": 2.0, "augmented": True, "network": "ConvNetD3", "updates": 60000}
_GTN = {"steps": 64, "step_images": 13, "rate": 0.02, "momentum": 0.5, "learned_momentum": True, "every_step": True,
        "real_batch": 13, "image_lr": 0.02, "rule_lr": 0.02, "image_momentum": 0.9, "decay": "cosine", "updates": 2000}

_COURSE = {"network": "ConvNetD3", "decay": "cosine", "augmented": False, "starts": 1}
_OWNING = {**_COURSE, "width": 16, "real_batch": 25, "image_lr": 0.1, "rule_lr": 0.05, "updates": 400}
_ORDINARY = {**_COURSE, "width": 32, "steps": 10, "step_images": 2, "rate": 0.05, "real_batch": 20, "optimiser": "adam",
             "image_lr": 0.05, "image_momentum": 0.9, "updates": 200}

_DRAWN = "real images are drawn class by class, as many of each; the paper draws {} from all"
_INITIALISER = "networks are initialised as everywhere in ddkit; the paper's are Xavier with gain 1"
_NOISE = "the method starts from noise: set init to noise"
_OWNS = "the order of the steps and their rates belong to the set: score it by the protocol 'prescribed'"
_AUGMENTED = "one augmentation is drawn for all steps and the real images of an update, as in the code"
_LABELS = "labels are unconstrained and begin as the classes, as in the paper's tables"
_SMALL = "a small setting for minutes of a processor core, on a network that learns in few steps"
_TRIED = "its rates were chosen on MNIST's validation images"
_ONCE = "its rates were tried once, on MNIST's validation images"
_UNTRIED = "its rates were not compared with others"

_DD_NOTES = (_DRAWN.format("1,024"), _INITIALISER, _NOISE, _OWNS)
_FIXED = "one initialisation belongs to the set, which is worth nothing on another: it is saved with it"
_RTP_NOTES = (_AUGMENTED, "the paper's penalty on coefficients is left out: it was added to the loss of the steps, of "
              "whose weights it does not depend, and so did nothing",
              "steps and images in a step are those of the published scripts; those for MNIST are not known")
_BASES = ("the images are made of bases that all classes share, about as many as each class has images then; the code "
          "has 16 for CIFAR-10 at 1 image per class: set number",
          "bases and coefficients begin where they come nearest to real images, the paper's as Xavier draws them: set "
          "init to noise")
_RAT_NOTES = (_AUGMENTED, "the steps are heavy-ball SGD at a rate of ours; the paper's are Adam's, at 0.001",
              "steps and window are the paper's for CIFAR-10 at 10 images per class; the number of updates is ours",
              "images begin as they are given; the code projects noise to unit norm",
              "the window lies anew in every update; the code's stays for an epoch")
_GTN_NOTES = ("the generator and its curriculum are a form of the set: small decoders and the codes of all images, "
              "learned with them; with form pixels they are a table of images",
              "the codes begin where the decoders make real images; the paper's are noise",
              "rates are learned before a softplus and momenta before a sigmoid; the paper's are in log form",
              "the learner has neither weight normalisation nor mean-only batch norm",
              "batches hold as many images of every class, 130 in place of 128", _OWNS)

PRESETS = {
    "dd": Preset({**_DD, "updates": 23600, "starts": 4}, (
        "four new networks in an update, as the code's documentation has it; its default is one", *_DD_NOTES)),
    "dd_fixed": Preset({**_DD, **_ONE, "updates": 23600}, (_FIXED, *_DD_NOTES)),
    "sldd": Preset({**_DD, **_SLDD, "starts": 4}, (_LABELS, *_DD_NOTES)),
    "sldd_fixed": Preset({**_DD, **_SLDD, **_ONE}, (
        _LABELS, _FIXED, "with images below the number of classes, every image begins as an equal share of some",
        *_DD_NOTES)),
    "rtp": Preset(_RTP, _RTP_NOTES),
    "linba": Preset({**_RTP, "step_images": 32}, (*_BASES, *_RTP_NOTES), form=("bases", {})),
    "rat": Preset(_RAT, _RAT_NOTES),
    "course": Preset({**_RTP, **_ORDINARY}, (_SMALL, _ONCE, "RTP with Adam and without augmentation",
                                            *_RTP_NOTES[1:2])),
    "linba_course": Preset({**_RTP, **_ORDINARY}, (_SMALL, _UNTRIED, "with Adam and without augmentation", *_BASES,
                                                   *_RTP_NOTES[1:2]), form=("bases", {})),
    "rat_course": Preset({**_RAT, **_ORDINARY, "steps": 20, "window": 7, "step_images": 0},
                         (_SMALL, _UNTRIED, "without augmentation", *_RAT_NOTES[1:2], *_RAT_NOTES[3:])),
    "dd_course": Preset({**_DD, **_OWNING, "steps": 10, "rate": 0.1}, (_SMALL, _ONCE, *_DD_NOTES)),
    "dd_fixed_course": Preset({**_DD, **_ONE, **_OWNING, "rate": 0.2}, (_SMALL, _TRIED, _FIXED, *_DD_NOTES)),
    "sldd_course": Preset({**_DD, **_SLDD, **_OWNING, "steps": 10, "rate": 0.1, "label_lr": 0.05},
                          (_SMALL, _UNTRIED, _LABELS, *_DD_NOTES)),
    "sldd_fixed_course": Preset({**_DD, **_SLDD, **_ONE, **_OWNING, "rate": 0.2, "label_lr": 0.05},
                                (_SMALL, _ONCE, _LABELS, _FIXED, *_DD_NOTES)),
    "gtn_course": Preset({**_GTN, **_OWNING, "steps": 8, "step_images": 4, "real_batch": 8, "rate": 0.1},
                         (_SMALL, _ONCE, "images in a table, and no generator", *_GTN_NOTES[2:], _NOISE)),
    "gtn": Preset(_GTN, _GTN_NOTES, form=("decoder", {})),
}
