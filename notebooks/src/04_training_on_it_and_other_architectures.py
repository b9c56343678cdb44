# %% [markdown]
# # 4 · Training on it, and other architectures
#
# - **Course part:** {PART}.
# - **You will learn** to score a distilled set fairly: one protocol for everything, several networks, the right baselines
#   beside it, updates beside epochs, and an error beside every difference.
# - **Before you start:** lessons 1 to 3.
# - **Time:** an hour and a half with its exercises; about two hours more on one processor core in the laptop profile if no result
#   came with the repository (then let it run over dinner: what is done is kept). A few small trainings are made here in any case.

# %% shared="colab"

# %%
from dataclasses import replace

import ddkit  # before torch, whose threads it asks to share the processor
import torch
from ddkit import exercises, plots
from ddkit.course import lesson
from ddkit.plots import tables

profile = lesson.begin()
polyps = lesson.polyps()

# %% [markdown]
# ## What belongs beside a distilled score
#
# A network that was trained on your hundred images names so many percent of the test images rightly. Is that good? The number alone
# does not say. Four others do:
#
# * **random real images**, as many per class. This is what distillation has to beat: they cost nothing. They are drawn anew for
#   every network, so that no lucky draw decides;
# * the **start**: the images before their first update. If the score equals it, nothing was distilled, or the wrong images were
#   evaluated. Both have happened in reports on this project;
# * the **full data**: what there is to reach;
# * **chance**: always naming the most frequent class.
#
# All of them are to be had under the same **protocol**, which is everything about the training but its images: optimiser, learning
# rate and its schedule, batch size, augmentation, number of epochs. And from the same seeds: a **seed** decides a network's initial
# weights and every draw of its training. Networks from different seeds differ in accuracy even on equal images. So each row has
# several of them, and says how many ($n$).

# %%
def five(chosen):
    """The five sets that are compared, of a profile's data set."""
    real, noise = chosen.distill("real"), chosen.distill("noise")
    return {"distilled from real": real, "distilled from noise": noise, "random real": chosen.random(),
            "start: real": ddkit.Start(real), "start: noise": ddkit.Start(noise)}


digit_sets, polyp_sets = five(profile), five(polyps)
made = {name: ddkit.run(spec) for name, spec in digit_sets.items() if name.startswith("distilled")}
for record in made.values():
    lesson.told(record)

# %% [markdown]
# ## Epochs are not updates
#
# The assignment's protocol (2a and 2e) is SGD with a learning rate of 0.01 that falls to zero along a cosine (**cosine annealing**),
# for 20 epochs. An **epoch** shows every image once. But weights change once per *batch*, and that is a **gradient update**; batches
# hold up to 256 images here. A training on a hundred images and one on the full data have equally many epochs and not at all
# equally many updates.
#
# {MARK updates}
#
# **Exercise.** Compute the updates. The last batch of an epoch may be smaller, and makes an update all the same.

# %% exercise="updates"
def my_updates(epochs, images, batch):
    """How many gradient updates so many epochs on so many images make, in batches of at most `batch`."""
    ### BEGIN SOLUTION
    batches = -(-images // batch)  # rounded up
    return epochs * batches
    ### END SOLUTION


# %% check="updates"
exercises.check("updates", my_updates)
### BEGIN HIDDEN TESTS
assert my_updates(2, 10, 4) == 6
assert my_updates(3, 8, 4) == 6
### END HIDDEN TESTS

# %% [markdown]
# **Predict:** 20 epochs on 100 images: how many updates? And on the full data?

# %%
from ddkit.exercises.lessons.scoring import updates  # ddkit's own, so that this works before yours does

baseline = ddkit.run(profile.baseline())
few, many = (updates(20, images, 256) for images in (len(made["distilled from real"].synthetic.images),
                                                     baseline.result["training_images"]))
assert many == baseline.updates
f"{few} updates against {many:,}"

# %% [markdown]
# ## The same setting as on the full data (2e)
#
# **Predict** the order of the six rows before you look, and the distance of the best one to the full data.

# %%
assignment = {name: ddkit.run(profile.evaluate(source, "assignment")) for name, source in digit_sets.items()}
assert {record.updates for record in assignment.values()} == {few}
lesson.scores({"full data": baseline, **assignment})

# %% [markdown]
# With so few updates the protocol measures how *fast* a network can learn from the images as much as how much is in them. It is what
# the assignment asks, so it is answered first.
#
# The same question for polyps, a task of two unequal classes. There, accuracy misleads: always naming the more frequent class is right
# for most test images and says nothing. **Balanced accuracy** is the mean of the shares of either class that are named rightly (the
# classes' **recalls**), and guessing has 50 %. The **AUC** asks whether the network's confidence at least *orders* the images. A row whose
# balanced accuracy cannot be told from guessing says "at chance".
#
# **Predict:** will 20 images, 20 epochs and one batch per epoch be enough?

# %%
polyp_full = ddkit.run(polyps.baseline())
polyp_assignment = {name: ddkit.run(polyps.evaluate(source, "assignment"))
                    for name, source in polyp_sets.items()}
lesson.scores({"full data": polyp_full, **polyp_assignment})

# %%
balanced = {name: record.scores.headline.mean for name, record in polyp_assignment.items()}
at_chance = [name for name, record in polyp_assignment.items() if record.scores.at_chance]
assert not lesson.shipped(polyp_assignment) or len(at_chance) == len(balanced)
print(f"balanced accuracies from {100 * min(balanced.values()):.1f} to {100 * max(balanced.values()):.1f} %; "
      f"{len(at_chance)} of {len(balanced)} sets are at chance")
for name, record in polyp_assignment.items():
    named = [[sum(column) for column in zip(*run["confusion"], strict=True)] for run in record.scores.runs]
    alone = sum(0 in counts for counts in named)
    print(f"{name}: {alone} of {len(named)} networks name one class for every test image")
aucs = {name: record.scores.of("auc") for name, record in polyp_assignment.items()}
most = max(aucs.values(), key=lambda auc: auc.mean)
assert not lesson.shipped(polyp_assignment) or 3 * most.se < most.mean - 0.5 < 0.1, "a little better than chance"
lesson.say("AUC less 50 (± standard error): " + "; ".join(
    f"{name} {100 * auc.mean - 50:+.1f} ± {100 * auc.se:.1f}" for name, auc in aucs.items()))

# %% [markdown]
# That is a result, and it belongs into a report: *under the assignment's own protocol no set of so few polyps teaches a network to name
# the classes in so few updates; by the AUC the images are ordered a little better than by chance, at best*, if the lines above say so
# for your runs. A table that shows only the protocol under which a method wins is advertisement.
#
# ## The standard protocol
#
# The field asks another question: what *can* be learned from these images, if the network is given the time? Augmentation
# (small shifts, turns, changes of scale, drawn anew for every batch), momentum, **weight decay** (weights shrink a little at every
# update), many more epochs, and a tenth of the learning rate in their second half.
#
# **Predict:** which rows gain most?

# %%
standard = {name: ddkit.run(profile.evaluate(source, "standard")) for name, source in digit_sets.items()}
assert len({record.updates for record in standard.values()}) == 1, "every row had as many updates"
lesson.scores(standard)

# %%
def bars(records):
    return {name: record.scores for name, record in records.items()}


plots.bars({"assignment": {"full data": baseline.scores, **bars(assignment)}, "standard": bars(standard)},
           baseline.result["chance"])

# %% [markdown]
# ## Is the difference real?
#
# Repeat the whole table with five other seeds, and every mean moves a little. By how much? A mean of $n$ scores with the **standard
# deviation** $\text{sd}$ (which divides by $n - 1$) has the **standard error** $\text{sd} / \sqrt{n}$. Two means vary independently
# of one another, so the squares of their errors add up:
#
# $$\text{lead in standard errors} = \frac{\overline{a} - \overline{b}}{\sqrt{\text{sd}_a^2 / n_a + \text{sd}_b^2 / n_b}}$$
#
# A lead of less than two is not worth a sentence in your report; and with very few seeds even two is reached by chance more
# often than one thinks.
#
# {MARK standard-errors}
#
# **Exercise.** Write it for two lists of scores, *not paired*. The sign says who leads: the first less the second.

# %% exercise="standard-errors"
def my_standard_errors(first, second):
    """The difference of two lists' means in units of its standard error."""
    ### BEGIN SOLUTION
    def mean(scores):
        return sum(scores) / len(scores)

    def squared_error(scores):
        return sum((score - mean(scores))**2 for score in scores) / (len(scores) - 1) / len(scores)

    return (mean(first) - mean(second)) / (squared_error(first) + squared_error(second))**0.5
    ### END SOLUTION


# %% check="standard-errors"
exercises.check("standard-errors", my_standard_errors)
### BEGIN HIDDEN TESTS
assert abs(my_standard_errors([3.0, 5.0], [1.0, 3.0]) - 2**0.5) < 1e-5
assert abs(my_standard_errors([1.0, 3.0], [3.0, 5.0]) + 2**0.5) < 1e-5
### END HIDDEN TESTS

# %% [markdown]
# Every lead from now on stands with its error and its $n$. "Told apart" is stricter than two standard errors where seeds are few.

# %%
lesson.table(tables.leads(standard, "random real", "github"))

# %%
for start in ("start: real", "start: noise"):
    distilled = start.replace("start:", "distilled from")
    print(f"{tables.leads({distilled: standard[distilled], start: standard[start]}, start)}\n")

# %% [markdown]
# ### Paired or not?
#
# There is a second way to count, and the dashboard below uses it, so that its errors are others than those of the table. The
# same seed means the same initial weights and the same draws of augmentation for every row. A network that begins badly may do badly on
# both sets; in the *difference*, seed by seed, that part cancels. The error is then $\text{sd}(d) / \sqrt{n}$ of the differences $d$.
# Both ways are right. Say which one you took. Pairing helps as far as the two sets' scores rise and fall together, and does nothing, or
# harm, where they do not: random real images are another draw for every seed.

# %%
from ddkit.training.leads import Lead


def lead(first, second, paired):
    """Of one record's headline scores over another's, by seed."""
    sides = [{run["seed"]: score for run, score in zip(record.scores.runs, record.scores.headline.values, strict=True)}
             for record in (first, second)]
    return Lead.of(*sides, paired=paired)


for name in ("distilled from real", "distilled from noise"):
    for paired in (False, True):
        found = lead(standard[name], standard["random real"], paired)
        lesson.say(f"{name} over random real: {100 * found.gap:+.2f} ± {100 * found.error:.2f} points "
                   f"({found.formula}). {found.verdict}")

# %% [markdown]
# Any two sets, before any judge, with fewer seeds or all of them. It begins with distilled from real over random real, and counts in
# pairs: find its lead among the lines above. Then take seeds away: how many does it take to tell the two sets apart? And is there
# a lead that two seeds show and five do not?

# %%
from ddkit.widgets.is_it_real import IsItReal

verdict = IsItReal()
for choice, wanted in ((verdict.first, "datadam"), (verdict.second, "random real")):
    menu, name = choice.menus["set"], f"{wanted}, {profile.ipc} per class"
    if name in dict(menu.options):
        menu.value = name
found = lead(standard["distilled from real"], standard["random real"], paired=True)
assert not lesson.shipped(standard) or abs(verdict.lead.gap - found.gap) < 1e-9, "the lead that the text promises"
verdict

# %%
verdict.figure()

# %% [markdown]
# ## Accuracy against time (2e)
#
# Training time is counted without testing time: the pass over all test images can take longer than training on a hundred.

# %%
plots.accuracy_against_time({"full data": baseline.scores, **bars(assignment)})

# %%
runs = assignment["distilled from real"].scores
full = baseline.scores.seconds
assert not assignment["distilled from real"].shipped or runs.test_seconds > runs.seconds
print(f"training {runs.seconds:.1f} s, testing {runs.test_seconds:.1f} s; the full data took {full:.0f} s")
for name, record in made.items():
    print(f"to make the set {name} took {record.seconds:.0f} s, {record.seconds / full:.1f} times a training on the "
          "full data")

# %% [markdown]
# (Times are of the machines that made the records, which were busy with other things as well: compare orders of magnitude.)
#
# {MARK same-setting}
#
# **2e.** Train from scratch on the condensed set in the *exact same* setting as 2a, and compare accuracy and training time with it, for
# both data sets. Say how many updates either had, what follows from that, and whether the setting is fair.

# %% [markdown] answer="same-setting"
# *Your answer:*
#
# <!-- BEGIN MARK SCHEME -->
# *Scheme:* ¼ for accuracy and training time of both, with n and spread, under the unchanged setting; ¼ for the updates of both sides,
# and that "equally many epochs" is not "equally long"; ¼ for random real images and the start beside it, and polyps at chance said as
# such; ¼ for a view on fairness (one recipe, whose length suits the larger set; time to distil; the standard protocol).
# <!-- END MARK SCHEME -->

# %% [markdown]
# ## From real or from noise (2d)
#
# Digits first: the tables above have both. Here is the direct comparison under both protocols.

# %%
for protocol, records in (("assignment", assignment), ("standard", standard)):
    pair = {name: records[name] for name in ("distilled from real", "distilled from noise")}
    print(f"the {protocol} protocol\n{tables.leads(pair, 'distilled from noise')}\n")
print({name: f"{record.updates} updates of the images" for name, record in made.items()})

# %% [markdown]
# And one image of each class, with the same statistics and the same scale:

# %%
data = ddkit.load(profile.dataset)
from_real, from_noise = (record.synthetic.images[:: profile.ipc] for record in made.values())
plots.captioned(data, from_real, data.classes, "Distilled from real images", 10)

# %%
plots.captioned(data, from_noise, data.classes, "Distilled from noise", 10)

# %% [markdown]
# Polyps under the standard protocol, all five sets. **Predict:** does noise turn into something that teaches, as it did for digits?

# %%
polyp_standard = {name: ddkit.run(polyps.evaluate(source, "standard")) for name, source in polyp_sets.items()}
assert len({record.updates for record in polyp_standard.values()}) == 1
lesson.scores(polyp_standard)

# %%
lesson.table(tables.leads(polyp_standard, "random real", "github"))

# %%
tissue = ddkit.load(polyps.dataset, size=polyps.size)
polyp_made = {name: ddkit.run(spec) for name, spec in polyp_sets.items() if name.startswith("distilled")}
for name, record in polyp_made.items():
    print(f"polyps {name}: {record.updates} updates of the images")
images = torch.cat([record.synthetic.images[:: polyps.ipc] for record in polyp_made.values()])
captions = [f"{kind}:\n{name}" for kind in ("from real", "from noise") for name in tissue.classes]
plots.captioned(tissue, images, captions, "Distilled polyps", 4)

# %% [markdown]
# {MARK real-or-noise}
#
# **2d.** Are results *and* pictures from noise comparable with those from real images? Discuss both, for both data sets, and be fair to
# the numbers of updates. Lesson 3 has all images and how they came about.

# %% [markdown] answer="real-or-noise"
# *Your answer:*
#
# <!-- BEGIN MARK SCHEME -->
# *Scheme:* ½ for results: the lead with its standard errors and n under both protocols, also over random real images and over the
# start from noise, for digits and for polyps (and what the table calls at chance); ½ for pictures: what is alike, what is not (remains of
# noise, variety, colour), and that polyps from noise had fewer updates, so that they show a short run as much as a method.
# <!-- END MARK SCHEME -->

# %% [markdown]
# ## More images, and longer training: polyps
#
# Is it the number of images that is missing? Fifty per class beside ten, each with its random rows and its start (and with an image
# rate in proportion to the number: the loss has the images' mean, in which each of more has a smaller share):

# %%
from ddkit.course import polyps as polyp_course

sizes = polyp_course.IPCS[polyps.name]
polyp_scores = {ipc: polyp_course.scores(polyps, ipc) for ipc in sizes}
assert all(record.notes == polyp_full.notes for records in polyp_scores.values() for record in records.values())
plots.bars({f"{ipc}": bars(records) for ipc, records in polyp_scores.items()}, polyp_full.result["chance"],
           by="images per class", title="Polyps: balanced accuracy by images per class")

# %% [markdown]
# In this profile these networks were trained for a part of the standard protocol's epochs. **Predict:** train all of them for three
# times as long. Does the lead of the distilled images grow, stay, or shrink?

# %%
largest = sizes[-1]
longer = polyp_course.scores(polyps, largest, polyp_course.LONGER)
for records in (polyp_scores[largest], longer):
    updates_made = records["random real"].updates
    print(f"{largest} per class, after {updates_made} updates")
    for name, record in records.items():
        print(f"  {name}: balanced accuracy {record.scores.headline}")
    for other in ("random real", "start: real"):
        found = lead(records["distilled from real"], records[other], paired=False)
        lesson.say(f"  distilled over {other}: {100 * found.gap:+.1f} points. {found.verdict}")

# %%
short, long = (polyp_course.leads(records)["random real"] for records in (polyp_scores[largest], longer))
change = polyp_course.change(polyp_scores[largest], longer)
assert longer["random real"].updates == polyp_course.LONGER * polyp_scores[largest]["random real"].updates
assert not lesson.shipped(longer, polyp_scores) or (change.gap < 0 and not change.told_apart)
lesson.say(f"the lead over random real images: {short.gap:+.1f} ± {short.error:.1f} points, then "
           f"{long.gap:+.1f} ± {long.error:.1f}; the change, of pairs of the same seed, {change.gap:+.1f} ± "
           f"{change.error:.1f}. {change.verdict}",
           f"the full data have {polyp_full.scores.headline}, the distilled images at last "
           f"{longer['distilled from real'].scores.headline}")

# %% [markdown]
# Whoever quotes one of the two numbers alone tells half of it. Where a lead shrinks (does the change's error allow to say so here?), it
# may have been *speed*: a network gets to the same place sooner. Or there is a *ceiling*: near the score of the full data no set has
# room to lead. Always name the updates after which a lead was measured.
#
# And what more images per class buy, for digits, beside random ones and the full data:

# %%
from ddkit.widgets.images_per_class import ImagesPerClass

growth = ImagesPerClass()
growth

# %%
growth.figure()

# %% [markdown]
# ## Other architectures (3)
#
# The images were matched on one kind of network. Do they serve others? That is called **transfer** or cross-architecture
# generalisation. A method can overfit to the network it looks through, as a forger to the one expert he knows.
#
# These networks are trained for as many updates as the table's heading says, in the laptop profile a tenth of what the ConvNet had under
# the standard protocol above: do not hold their scores against its score.
#
# **Predict:** which network will profit least from the distilled images, and which most?

# %%
trained_on = {name: digit_sets[name] for name in ("distilled from real", "random real")}
transfer = {name: {n: ddkit.run(profile.transfer(source, n)) for n in profile.transfer_networks}
            for name, source in trained_on.items()}
ratio = standard["random real"].updates / transfer["random real"][profile.transfer_networks[0]].updates
assert not lesson.shipped(transfer, standard) or ratio == 10
lesson.table(tables.transfer(transfer, "github"))

# %%
plots.transfer_heatmap({name: bars(row) for name, row in transfer.items()},
                       f"Accuracy on other networks ({profile.label})")

# %% [markdown]
# A low number has two possible causes: the images do not transfer, or that network cannot be trained in so few updates on
# *any* so few images. The random-real row tells them apart. So the question is the **gain** over it, network by network, and how
# sure it is.
#
# {MARK gain}
#
# **Exercise.** From the scores of both rows, `{network: [accuracies in [0, 1]]}`, compute for each network the gain in points and its
# standard error in points, as a pair.

# %% exercise="gain"
def my_gains(distilled, random):
    """Two dicts {network: scores} -> {network: (gain, standard error)}, both in points."""
    ### BEGIN SOLUTION
    from statistics import mean, variance

    found = {}
    for network, scores in distilled.items():
        others = random[network]
        error = (variance(scores) / len(scores) + variance(others) / len(others))**0.5
        found[network] = (100 * (mean(scores) - mean(others)), 100 * error)
    return found
    ### END SOLUTION


# %% check="gain"
exercises.check("gain", my_gains)
### BEGIN HIDDEN TESTS
_gain, _error = my_gains({"A": [0.5, 0.7]}, {"A": [0.4, 0.6]})["A"]
assert abs(_gain - 10) < 1e-3 and abs(_error - 200**0.5) < 1e-3
### END HIDDEN TESTS

# %%
from ddkit.exercises.lessons.scoring import gains


def tell_gains(rows):
    """Print each network's gain from two rows of records: distilled, and random real."""
    distilled, random = ({n: r.scores.headline.values for n, r in row.items()} for row in rows.values())
    for n, (gain, error) in gains(distilled, random).items():
        apart = lead(*(row[n] for row in rows.values()), paired=False).told_apart
        updates_made = next(iter(rows.values()))[n].updates
        print(f"{n:>12}: {gain:+5.1f} ± {error:4.1f} points after {updates_made:,} updates "
              f"(n={len(distilled[n])} and {len(random[n])}), {'' if apart else 'not '}told apart")


tell_gains(transfer)

# %% [markdown]
# Read the errors before you rank the networks. A large gain with an error as large can be the work of *one* network that failed to
# train on *one* draw of random images. And an error from two scores is itself hardly known: "told apart" takes that into account, and
# asks for a lead of many errors. **Predict:** had we stopped after two seeds, which lines would read otherwise?

# %%
def first_seeds(record, count):
    """A record as if only its first seeds had been made."""
    return replace(record, result=record.result | {"runs": record.result["runs"][:count]})


tell_gains({name: {n: first_seeds(record, 2) for n, record in row.items()} for name, row in transfer.items()})

# %% [markdown]
# Hold these against the same networks' lines above: which gain, and which error, was an accident of two seeds?
#
# ### A network of your choice
#
# {MARK own-network}
#
# **Exercise.** Name a network that is not in the table and not the one that the images were matched on. A ConvNet takes a depth
# (`D1` to `D8`), a norm (`BN`, `IN`, `LN`, `GN`, or `NN` for none), an activation (`AS` sigmoid, `AL` leaky ReLU) and a pooling (`MP`
# max, `NP` none), as in `ConvNetD2BNMP`. Choose so that you learn something: what of the network do the images depend on? The mark
# is for your own run of both rows.

# %% exercise="own-network"
my_network = None
### BEGIN SOLUTION
my_network = "ConvNetD2"
### END SOLUTION
my_network

# %%
own = {name: {my_network: ddkit.run(profile.transfer(source, my_network))}
       for name, source in trained_on.items() if my_network}
if own:
    tell_gains(own)

# %% check="own-network"
exercises.made("own-network", own)

# %% [markdown]
# ### Polyps on other networks
#
# **Predict:** in the laptop profile, polyps are matched on a network with *batch* norm, which keeps how much edge an image has, where
# instance norm removes it. Which of these networks will learn anything from them?

# %%
polyp_rows = {name: polyp_sets[name] for name in ("distilled from real", "random real")}
on_polyps = {name: {n: ddkit.run(polyps.transfer(source, n)) for n in polyps.transfer_networks}
             for name, source in polyp_rows.items()}
plots.transfer_heatmap({name: bars(row) for name, row in on_polyps.items()},
                       "Polyps: balanced accuracy on other networks")

# %%
tell_gains(on_polyps)
guessing = [n for n in polyps.transfer_networks if all(row[n].scores.at_chance for row in on_polyps.values())]
print(f"at chance on both rows: {', '.join(guessing) or 'none'}")
every = (assignment, standard, polyp_assignment, polyp_standard, polyp_scores, longer, transfer, on_polyps)
assert not lesson.shipped(*every) or 100 < lesson.minutes(*every) < 140, "as the head of this lesson says"

# %% [markdown]
# {MARK other-networks}
#
# **3.** Was the transfer to other networks a success, on *both* data sets? Give reasons: the gains with their errors and $n$; what the
# networks have in common on which it works; what a network at chance on both rows can tell, and what it cannot.

# %% [markdown] answer="other-networks"
# *Your answer:*
#
# <!-- BEGIN MARK SCHEME -->
# *Scheme:* ½ for digits and ½ for polyps. Of each: gains over random real images with standard errors and n (not raw accuracies, and
# no ranking of gains whose errors overlap); a verdict that follows from them; a reason (norm, convolution against full
# connection, too few updates for that network on any images). A network at chance on both rows says nothing about the images.
# <!-- END MARK SCHEME -->

# %% [markdown]
# ## Take the images along
#
# The set can be exported to the field's file layout and read by other tools; ddkit reads such files without ever running code from
# them.

# %%
import tempfile
from pathlib import Path

synthetic = made["distilled from real"].synthetic
with tempfile.TemporaryDirectory() as folder:
    synthetic.export_pt(Path(folder) / "distilled.pt")
    again = ddkit.SyntheticSet.import_pt(Path(folder) / "distilled.pt", data)
assert again.images.equal(synthetic.images)

# %% [markdown]
# ## For your report
#
# One line writes this lesson's tables and figures, from your records, into the folder `report` (`python -m ddkit report report` lays out
# the whole of it). What is missing is named, and what came with ddkit is marked as shipped.

# %%
from ddkit import report

report.lesson(4, profile, polyps)

# %% [markdown]
# ## What you should take away
#
# * A score without its baselines, protocol, updates and $n$ says nothing.
# * Epochs are not updates, training time is not testing time, and neither counts the distillation.
# * A difference has an error; two seeds do not have one to speak of.
# * A lead belongs to the moment of training at which it was measured.
# * Transfer needs a random-real row as well, and a null result is a result.
#
# **Questions to yourself**
#
# 1. Under which protocol is the lead of distilled digits larger, in points, and in standard errors? Why may the two disagree?
# 2. From real or from noise: which set would you hand in, and on what evidence?
# 3. Which number shows that a set of a few polyps is not better than guessing, and which hides it?
# 4. Random real images are drawn anew for every seed, and distilled ones are one set. What does the spread of either row mean, then?
#    What would you have to run to have the spread over *distillations*?
# 5. How many seeds would you need to tell a lead of half a point apart, with the spread that you see above?
# 6. Why must a network be chosen before its test score is seen?
#
# **Go further.** Distil twice more with other seeds (`profile.distill("real", seed=1)`) and compare the spread between sets with that
# between networks. Make five seeds of the slow networks overnight. Score your own set of lesson 2, with the knob that you changed, and
# find the protocol under which your change matters most.
