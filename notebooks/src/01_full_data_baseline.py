# %% [markdown]
# # 1 · Training on the full data
#
# - **Course part:** {PART}.
# - **You will learn** what dataset distillation is for, to train a small convolutional network the way the assignment asks,
#   to count what it costs without confusing MACs, FLOPs and FLOP/s, and to keep test data out of your choices.
# - **Before you start:** basic PyTorch.
# - **Time:** 40 minutes with its exercise; the training takes about 13 minutes on one processor core in the laptop profile,
#   and seconds if its result came with the repository.

# %% shared="colab"

# %%
import ddkit
from ddkit import exercises, plots
from ddkit.course import lesson, story
from ddkit.plots import tables

profile = lesson.begin()  # lesson.begin(name="Ada Lovelace") signs the runs that you make from then on

# %% [markdown]
# ## The whole course in one picture
#
# A network learns ten digits from 54,000 images. Could it learn them from a hundred? From a hundred *real* ones it learns less.
# **Dataset distillation** makes a hundred images up: they start as real ones, and then their pixels are moved, so that a network
# that is trained on them, and on nothing else, loses as little as possible. They are the **synthetic set**; its size is counted in **images per
# class**, IPC for short, here ten. The boxes below are results of runs that you will
# make yourself in lessons 1, 2 and 4: mean test accuracy ± standard deviation over n networks. (The network on all images is trained as
# the assignment says, the others as the field does for small sets; lesson 4 has every set under both.)

# %%
data = ddkit.load(profile.dataset)
distilled = ddkit.run(profile.distill("real"))
scored = {"all of them": ddkit.run(profile.baseline()).scores,
          "random real images": ddkit.run(profile.evaluate(profile.random(), "standard")).scores,
          "distilled images": ddkit.run(profile.evaluate(profile.distill("real"), "standard")).scores}
plots.idea(data, distilled.synthetic, scored)

# %%
every, random, best = (found.mean for found in scored.values())
assert not distilled.shipped or every > best > random
lost, won = 100 * (every - random), 100 * (best - random)
f"of the {lost:.1f} points that a hundred random images lose, distillation wins {won:.1f} back"

# %% [markdown]
# What is that good for? Training on a hundred images is quick, so one can try many networks or settings on them (lesson 9). They
# fit into a small memory, for a network that must not forget while new classes arrive (lesson 5). Whether they serve better than as
# many real images, those lessons measure. And they show what a network looks for (lesson 3). Distilled data have been proposed
# for privacy, too; that has to be shown, not assumed (lesson 12).
#
# How does one find such images? Surveys of the field (Lei and Tao, 2023; Sachdeva and McAuley, 2023) sort the methods by what is made
# to agree. The assignment's sheet names the families by letters; beside each method stands the lesson that shows it:

# %%
plots.families(story.FAMILIES)

# %% [markdown]
# You will build one method of family c (Task 1), one of family b (Task 2) and, working in pairs, one of family a. Every one of them is judged
# in the same way: networks are trained **from scratch** on the synthetic images and tested on real ones they have not seen.
# To know what "well" means we need the number on the left of the first picture: what a network reaches with *all* the data.
# That is this lesson.
#
# ### Whose results?
#
# In the laptop profile a run of this course takes seconds or minutes, the longest about half an hour. ddkit comes with its own, and a lesson reloads them; each says
# *shipped*. To hand in, you make *yours*: set `DDKIT_REFERENCE=0` before Jupyter starts (`DDKIT_REFERENCE=0 jupyter notebook`;
# on Colab `%env DDKIT_REFERENCE=0` in a cell above the first import), and every run of every lesson is made here and kept in `data/runs`. A run that
# is interrupted goes on where it was when its cell is run again. `DDKIT_PROFILE=quick` tries everything on small digits.
# Cells marked ✎ are yours: an exercise has a check below it that says what is missing, or that it is right.

# %% [markdown]
# ## The data
#
# `load` returns three parts. The **validation** part is a fixed tenth of the published training data, **stratified**: every class
# has the same share in it as in the whole. Every choice you make (a learning rate, a number of epochs, which image to show) is
# made on it. The **test** part is touched once, by the final evaluation. Why so strict? Suppose you try twenty settings that
# are all equally good, and report the best test accuracy among them. It is above the truth, for you have picked the
# luckiest; and nobody can say by how much. A number that was chosen on the test data no longer estimates anything.
#
# An image that stands in both parts would do the same harm in a small way. Is there one?

# %%
{name: len(getattr(data, name)) for name in ("train", "val", "test")}

# %%
overlap = set(map(bytes, data.train.images.numpy())) & set(map(bytes, data.test.images.numpy()))
print(f"{len(overlap)} training images stand in the test part too")
assert len(data.classes) == 10

# %% [markdown]
# The pixels are normalised with recorded statistics. A picture has to undo that, or it shows the wrong contrast.

# %%
from ddkit.runs import starting_set

sample = starting_set(profile.distill("real"), data)
plots.image_grid(sample, title=f"Ten training images of every class of {data.name}")

# %% [markdown]
# ## The network
#
# The field's ConvNet-3: three blocks of 3×3 convolution, **instance norm** (each channel of each image is shifted and scaled to mean 0
# and variance 1 over its places), ReLU and 2×2 average pooling, then one linear layer, the **classifier**. A grey image's
# first convolution is padded by 3, so that 28 pixels become 32 and halve three times. The papers' network is 128 channels
# wide; the laptop profile takes a narrower one, so that a run takes minutes.
#
# **Predict** before you run the next cell: how many parameters does it have, and which layer holds most of them?

# %%
from ddkit.networks import build

network = build(profile.network, data.channels, 10, data.size, width=profile.width)
{name: tuple(p.shape) for name, p in network.named_parameters() if p.ndim > 1}

# %% [markdown]
# ## Three numbers with three names
#
# * **MACs**: multiply-accumulate operations of one forward pass of one image.
# * **FLOPs**: floating-point operations. One multiply-accumulate is two of them.
# * **FLOP/s**: operations per *second*: a speed of your machine, not a property of the network.
#
# Reports on this project have printed the first under the name of the third. The assignment asks for the FLOPs *of the test set*:
# what one pass of the trained network over all test images costs.
#
# {MARK convolution-macs}
#
# **Exercise.** Count convolutions and classifier; leave the small rest (norms, ReLUs, pooling, biases) out. At each pixel of its *output* a
# convolution multiplies with every one of its weights once. Its output has side `size + 2 * padding - 2` for a 3×3 kernel, and
# the pooling after it halves that. `network.blocks` has the blocks, each with `conv.weight` and `conv.padding[0]`;
# `network.classifier.weight` is the last layer.

# %% exercise="convolution-macs"
def my_test_flops(network, size, images):
    """Floating-point operations of a forward pass over so many images of that side length."""
    ### BEGIN SOLUTION
    macs = network.classifier.weight.numel()
    for block in network.blocks:
        size = size + 2 * block.conv.padding[0] - 2
        macs += size**2 * block.conv.weight.numel()
        size //= 2
    return 2 * macs * images
    ### END SOLUTION


# %% check="convolution-macs"
exercises.check("convolution-macs", my_test_flops)
### BEGIN HIDDEN TESTS
_net = build("ConvNetD1", 1, 2, 8, width=3)  # padding 3: 8 + 6 - 2 = 12 pixels a side, after pooling 6
assert my_test_flops(_net, 8, 5) == 2 * 5 * (12 * 12 * 27 + 6 * 6 * 3 * 2)
### END HIDDEN TESTS

# %%
from ddkit.networks.cost import measure

cost = measure(network, (data.channels, data.size, data.size))
print(f"{cost.flops:,} FLOPs for one image, {cost.flops * len(data.test):.3g} for the {len(data.test):,} test images")
cost

# %% [markdown]
# `thop`, which the assignment suggests, also adds the pooling's outputs, so its number is a little larger. It misses
# the instance norms' parameters; ddkit counts parameters from the module.

# %%
assert cost.macs >= cost.flops / 2 and cost.parameters == sum(p.numel() for p in network.parameters())
f"thop says {cost.macs:,} MACs, {cost.macs - cost.flops // 2:,} more than convolutions and classifier have"

# %% [markdown]
# ## Training
#
# A **protocol** is everything that decides how a network is trained and tested. The assignment's: stochastic gradient descent
# (SGD), initial learning rate 0.01 with **cosine annealing** (the rate falls to zero along half a cosine, so that the last
# steps are small), 20 **epochs** (passes over the training data). The sheet leaves the rest open; ddkit takes the field's
# momentum 0.9, weight decay 5e-4 and batch 256, and no augmentation.
#
# **Predict:** the test accuracy after 20 epochs, to one decimal. Then run.

# %%
spec = profile.baseline()
baseline = lesson.told(ddkit.run(spec))

# %%
plots.training_curve(baseline)

# %%
lesson.table(tables.costs(baseline, "github"))

# %% [markdown]
# The last line but one of that table matters most for what follows: how many **updates** (steps of the optimiser) the network
# got. In the next lessons the same 20 epochs on 100 images are only 20 updates. Comparing epochs without updates fools people.

# %%
run = baseline.result["runs"][0]
batches = -(-baseline.result["training_images"] // 256)
assert run["updates"] == batches * baseline.result["epochs"]
assert baseline.scores.mean > 2 * baseline.result["chance"]
assert not baseline.shipped or 10 < baseline.seconds / 60 < 15, "as the head of this lesson says"

# %% [markdown]
# ## Which digits does it confuse?

# %%
import numpy as np

confusion = np.array(run["confusion"])
np.fill_diagonal(confusion, 0)
worst = np.unravel_index(confusion.argmax(), confusion.shape)
f"most often, a {data.classes[worst[0]]} is taken for a {data.classes[worst[1]]}: {confusion[worst]} times"

# %% [markdown]
# ## The other data set: polyps
#
# MHIST holds colour images of colorectal polyps, hyperplastic (HP, harmless) or sessile serrated (SSA, to be removed).
# Seven pathologists voted on each; the majority is the label. The images need a signed agreement, so ddkit reads **your
# own copy**, put into the data folder. Without one the lessons use `mhist_like`: synthetic images, drawn by a program,
# of the same layout, whose seven votes are drawn by that program, too. What is measured on them says nothing about polyps.
# One variable chooses: `DDKIT_POLYPS=mhist` or `mhist_like`. How many images of HP and of SSA each part has:

# %%
polyps = lesson.polyps()
tissue = ddkit.load(polyps.dataset, size=polyps.size)
{name: getattr(tissue, name).labels.bincount().tolist() for name in ("train", "val", "test")}

# %%
polyp_sample = starting_set(polyps.distill("real"), tissue)
plots.image_grid(polyp_sample, title=f"Training images of both classes of {tissue.name}")

# %% [markdown]
# **Predict:** what does the *mean* image of each class look like? Digits have recognisable means. Do polyps?

# %%
import torch

means = torch.stack([tissue.train.of_class(c).mean(0) for c in range(2)])
plots.captioned(tissue, means, tissue.classes, "Mean training image of each class")

# %% [markdown]
# ## Accuracy can fool you
#
# **Predict:** a program that always answers HP: what is its accuracy on the test part? Its recall of each class?

# %%
frequent = tissue.test.labels.bincount() / len(tissue.test)
f"always HP: accuracy {100 * frequent[0]:.2f} %, recall of HP 100 %, recall of SSA 0 %, balanced accuracy 50 %"

# %% [markdown]
# **Balanced accuracy** is the mean of the two **recalls** (of each class, the share that is found), so that guessing gets a half
# however the classes are mixed. The **AUC** is the chance that a random SSA image scores higher than a random HP image. Reports
# on this project have shown 63 % accuracy on MHIST with pride: it is the first number of the line above.

# %%
polyp_baseline = lesson.told(ddkit.run(polyps.baseline()))
lesson.scores({"full data": polyp_baseline})

# %% [markdown]
# {MARK baselines}
#
# The two baselines of this lesson are the upper bounds of Task 1. The mark is for yours (see *Whose results?* above).

# %% check="baselines"
exercises.made("baselines", baseline, polyp_baseline)

# %%
table = torch.tensor(polyp_baseline.result["runs"][0]["confusion"])
recalls = table.diag() / table.sum(1)
assert abs(float(recalls.mean()) - polyp_baseline.result["runs"][0]["balanced_accuracy"]) < 1e-6
assert abs(polyp_baseline.result["chance"] - float(frequent.max())) < 1e-6

# %% [markdown]
# ## Which images are hard?
#
# Which images to look at is a choice, so we look at *validation* images: a network after a short training, its mistakes,
# and how many of seven annotators said SSA (of the stand-in: how many of the program's seven draws).
#
# **Predict:** will it fail where the annotators disagreed?

# %%
from ddkit.foundation.randomness import stream
from ddkit.training import Protocol, fit, logits

looking = build(polyps.network, tissue.channels, 2, tissue.size, width=polyps.width, generator=stream(0, "a look"))
fit(looking, tissue.train, Protocol("a look", epochs=3), stream(0, "order"))
wrong = logits(looking, tissue.val.images).argmax(1) != tissue.val.labels

# %%
labels, votes = tissue.val.labels[wrong][:8], tissue.val.votes[wrong][:8]
captions = [f"{('HP', 'SSA')[label]}\n{vote} of 7: SSA" for label, vote in zip(labels, votes, strict=True)]
plots.captioned(tissue, tissue.val.images[wrong][:8], captions, "Mistaken: label and votes")

# %%
close = (tissue.val.votes - 3.5).abs() < 1  # 3 or 4 of 7
found = []
for name, mistakes in (("with 3 or 4 votes", wrong[close].float()), ("of the others", wrong[~close].float())):
    share = float(mistakes.mean())
    found.append((share, (share * (1 - share) / len(mistakes)) ** 0.5))
    print(f"mistaken {100 * share:.0f} ± {100 * found[-1][1]:.0f} % of the {len(mistakes)} images {name} "
          "(± one standard error)")
(disputed, its_error), (clear, clear_error) = found
gap, gap_error = 100 * (disputed - clear), 100 * (its_error**2 + clear_error**2) ** 0.5
seen = "more" if abs(gap) > 2 * gap_error else "no more"
f"a gap of {gap:+.0f} ± {gap_error:.0f} points, {seen} than two standard errors"

# %% [markdown]
# ## For your report
#
# One line writes this lesson's tables and figures, from your records, into the folder `report` (`python -m ddkit report report` lays out
# the whole of it). What is missing is named, and what came with ddkit is marked as shipped.

# %%
from ddkit import report

report.lesson(1, profile, polyps)

# %% [markdown]
# ## What you should take away
#
# * The full-data accuracy above is the ceiling that distilled data is measured against.
# * Cost has three names. Training costs about three forward passes per image and epoch.
# * Choices on validation data, one look at test data.
# * Unbalanced classes need balanced accuracy, each class's recall, and the line of always naming the frequent class.
#
# **Questions to yourself**
#
# 1. Time one large matrix product on your machine. How do its FLOP/s compare with the table's "while training", and where does the
#    time go?
# 2. Why is a stratified validation part better than the last 6,000 images?
# 3. A colleague reports 65 % accuracy on MHIST. What do you ask?
# 4. The baseline is a single network. What would you need to say "A is better than B by 0.1 points"?
# 5. Which of the boxes in the first picture would change if the networks were trained for twice as long?
#
# **Go further.** The sheet suggests six networks: `build("LeNet", ...)`, `build("ResNet18", ...)` and the others are there; run your exercise
# on a ConvNet of another depth, and `measure` on those your exercise cannot count. Which has the most FLOPs for each parameter?
#
# ## The words of the field
#
# Every term that the lessons use, with the lesson that explains it:

# %%
lesson.table(story.glossary())
