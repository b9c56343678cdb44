# %% [markdown]
# # 4 · Training on it, and other architectures
#
# - **Course part:** {PART}.
# - **You will learn** to score a distilled set fairly: the same protocol for everything, several networks, the right
#   baselines beside it, and updates beside epochs.
# - **Before you start:** lessons 1 to 3.
# - **Time:** 30 minutes; an hour more on one processor core in the laptop profile if no result came with the repository.

# %% shared="colab"

# %%
import math

import ddkit
from ddkit import plots
from ddkit.course import lesson
from ddkit.plots import tables

profile = lesson.begin()

# %% [markdown]
# ## What belongs beside a distilled score
#
# * **random real images**, as many per class: what distillation has to beat. Drawn anew for every network.
# * the **start**: the images before distillation. If the score equals it, nothing was distilled, or the wrong images
# were
#   evaluated.
# * the **full data**: the ceiling.
# * **chance**.
#
# All with the same protocol and the same seeds.

# %%
real, noise = profile.distill("real"), profile.distill("noise")
sources = {"distilled from real": real, "distilled from noise": noise, "random real": profile.random(),
           "start: real": ddkit.Start(real), "start: noise": ddkit.Start(noise)}

# %% [markdown]
# ## The assignment's protocol (2e): the same setting as on the full data
#
# SGD, learning rate 0.01, cosine, 20 epochs.
#
# **Predict:** 20 epochs on 100 images with batches of up to 256: how many gradient updates? How many did the full data
# get?

# %%
baseline = ddkit.run(profile.baseline())
assignment = {name: ddkit.run(profile.evaluate(source, "assignment")) for name, source in sources.items()}
lesson.scores({"full data": baseline, **assignment})

# %%
few, many = assignment["random real"].updates, baseline.updates
f"{few} updates against {many:,}"

# %% [markdown]
# With so few updates this protocol measures how *fast* a network can learn from the images as much as how much is in
# them. It is the assignment's question, so we answer it. The field asks another one:
#
# ## The standard protocol
#
# Augmentation, many more epochs, a tenth of the learning rate in the second half.
#
# **Predict:** which rows gain most?

# %%
standard = {name: ddkit.run(profile.evaluate(source, "standard")) for name, source in sources.items()}
lesson.scores(standard)

# %%
def bars(records):
    return {name: record.scores for name, record in records.items()}


plots.bars({"assignment": {"full data": baseline.scores, **bars(assignment)}, "standard": bars(standard)},
           baseline.result["chance"])

# %% [markdown]
# ## Is the difference real?
#
# Means of a few networks vary. The standard error of the difference of two means says how much; a difference of less
# than two of them is not worth a sentence in your report.

# %%
def in_standard_errors(records, one, other):
    """Difference of two mean accuracies, in units of its standard error."""
    a, b = records[one].scores, records[other].scores
    return (a.mean - b.mean) / max(math.hypot(a.se, b.se), 1e-9)


for name in ("distilled from real", "distilled from noise"):
    start = name.replace("distilled from", "start:")
    print(f"{name}: {in_standard_errors(standard, name, 'random real'):+.1f} standard errors from random real, "
          f"{in_standard_errors(standard, name, start):+.1f} from its start")

# %%
assert standard["distilled from real"].scores.mean > standard["start: noise"].scores.mean
assert len({record.updates for record in standard.values()}) == 1, "every row had as many updates"

# %% [markdown]
# Any two sets, before any judge, with fewer seeds or all of them. Seeds that begin from the same weights are compared in
# pairs here, so its errors differ from those above. Look for a lead that two seeds show and five do not.

# %%
from ddkit.widgets.is_it_real import IsItReal

verdict = IsItReal()
verdict

# %%
verdict.figure()

# %% [markdown]
# And what more images per class would buy, beside random ones and the full data:

# %%
from ddkit.widgets.images_per_class import ImagesPerClass

growth = ImagesPerClass()
growth

# %%
growth.figure()

# %% [markdown]
# ## Accuracy against time (2e)
#
# Training time, without testing time: the test pass over all test images can take longer than training on a hundred
# images.

# %%
plots.accuracy_against_time({"full data": baseline.scores, **bars(assignment)})

# %%
runs = assignment["distilled from real"].scores
f"training {runs.seconds:.1f} s, testing {runs.test_seconds:.1f} s; the full data took {baseline.scores.seconds:.0f} s"

# %% [markdown]
# ## Other architectures (3)
#
# The images were matched on one kind of network. Do they serve others?
#
# **Predict:** which network will profit least, and will any do *better* than the ConvNet?

# %%
trained_on = {"distilled from real": real, "random real": profile.random()}
transfer = {name: {n: ddkit.run(profile.transfer(source, n)) for n in profile.transfer_networks}
            for name, source in trained_on.items()}
lesson.table(tables.transfer(transfer, "github"))

# %%
found = {name: {n: record.scores for n, record in row.items()} for name, row in transfer.items()}
plots.transfer_heatmap(found, title=f"Accuracy on other networks ({profile.label})")

# %% [markdown]
# A low number has two possible causes: the images do not transfer, or that network cannot be trained with so few
# updates on *any* hundred images. The random-real row tells them apart.

# %%
gain = {n: round(100 * (found["distilled from real"][n].mean - found["random real"][n].mean), 1)
        for n in profile.transfer_networks}
print("gain over random real images, in points:", gain)

# %% [markdown]
# ## Polyps: when accuracy misleads
#
# The same comparison on your own copy of MHIST or the synthetic stand-in (lesson 1). Look at balanced accuracy and at
# the recall of each class; a row at chance is called so.
#
# **Predict:** will a few images per class be enough to tell HP from SSA?

# %%
from ddkit.course import polyps as polyp_course

polyps = lesson.polyps()
polyp_full = ddkit.run(polyps.baseline())
polyp_scores = {ipc: polyp_course.scores(polyps, ipc) for ipc in polyp_course.IPCS[polyps.name]}
ten = polyp_scores[10]
lesson.scores({"full data, assignment protocol": polyp_full, **ten})

# %% [markdown]
# Random real images are drawn anew for each network, and every network is trained from other weights: both spread widely
# with so few images, so ten networks are scored. Is the difference more than twice its standard error?

# %%
for ipc, records in polyp_scores.items():
    for other, (points, errors) in polyp_course.leads(records).items():
        print(f"{ipc} per class, distilled minus {other}: {points:+.1f} points of balanced accuracy, "
              f"{errors:+.1f} standard errors")

# %%
shown = {f"{ipc}": bars(records) for ipc, records in polyp_scores.items()}
plots.bars(shown, polyp_full.result["chance"], by="images per class")

# %%
assert polyp_full.scores.of("balanced_accuracy").mean <= 1 and len(polyp_full.result["classes"]) == 2
assert all(record.notes == polyp_full.notes for records in polyp_scores.values() for record in records.values())

# %%
transferred = {name: s for name, s in polyp_course.sources(polyps).items() if not isinstance(s, ddkit.Start)}
on_polyps = {name: {n: ddkit.run(polyps.transfer(s, n)) for n in polyps.transfer_networks}
             for name, s in transferred.items()}
plots.transfer_heatmap({name: bars(row) for name, row in on_polyps.items()}, "Polyps: balanced accuracy on other networks")

# %% [markdown]
# ## Take the images along
#
# The set can be exported to the field's file layout and read by other tools; ddkit reads such files without ever
# running code from them.

# %%
import tempfile
from pathlib import Path

synthetic = ddkit.run(real).synthetic
with tempfile.TemporaryDirectory() as folder:
    synthetic.export_pt(Path(folder) / "distilled.pt")
    again = ddkit.SyntheticSet.import_pt(Path(folder) / "distilled.pt", ddkit.load(profile.dataset))
assert again.images.equal(synthetic.images)

# %% [markdown]
# ## What you should take away
#
# * A score without its baselines, protocol, updates and n says nothing.
# * Epochs are not updates, and training time is not testing time.
# * Transfer needs a random-real row as well.
#
# **Questions**
#
# 1. Under which protocol is the advantage of distilled images largest, and why? (2e)
# 2. From real or from noise: which would you hand in, and on what evidence? (2d)
# 3. Is any set of a few polyps better than guessing? Which number shows it, and which hides it?
# 4. Which networks gain most over random real images, and which least? What do they have in common? (3)

# %% [markdown]
# *Your answers:*
