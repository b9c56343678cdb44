# %% [markdown]
# # 1 · Training on the full data
#
# - **Course part:** {PART}.
# - **You will learn** to train a small convolutional network the way the assignment asks, to count what it costs without
#   confusing MACs, FLOPs and FLOP/s, and to keep test data out of your choices.
# - **Before you start:** basic PyTorch.
# - **Time:** 20 minutes of reading; the training takes about 13 minutes on one processor core in the laptop profile, and
#   seconds if its result came with the repository.

# %% shared="colab"

# %%
import ddkit
from ddkit import plots
from ddkit.course import lesson
from ddkit.plots import tables

profile = lesson.begin()

# %% [markdown]
# ## The data
#
# `load` returns three parts. The **validation** part is a fixed, stratified tenth of the published training data. Every
# choice you make (a learning rate, a number of epochs, which image to show) is made on it. The **test** part is touched
# once, by the final evaluation. If you choose on test data, your number is no longer an estimate of anything.

# %%
data = ddkit.load(profile.dataset)
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
# The field's ConvNet-3: three blocks of 3×3 convolution, instance norm, ReLU and 2×2 average pooling, then one linear
# layer. A grey image's first convolution is padded so that 28 pixels become 32.
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
# Many reports print the first under the name of the second or third. Count the convolutions by hand once:

# %%
def convolution_macs(network, size, channels):
    """Multiply-accumulates of all convolutions for one image: output pixels x weights."""
    total = 0
    for block in network.blocks:
        size = size + 2 * block.conv.padding[0] - 2
        total += size**2 * block.conv.weight.numel()
        size //= 2
    return total + network.classifier.weight.numel()


by_hand = convolution_macs(network, data.size, data.channels)
f"{by_hand:,} MACs"

# %%
from ddkit.networks.cost import measure

cost = measure(network, (data.channels, data.size, data.size))
assert cost.flops == 2 * by_hand
cost

# %% [markdown]
# `thop`, which the assignment suggests, also adds the pooling's outputs, so its number is a little larger. It misses
# the instance norms' parameters; ddkit counts parameters from the module.

# %% [markdown]
# ## Training
#
# The assignment's protocol: SGD, initial learning rate 0.01 with cosine annealing, 20 epochs. The sheet leaves the rest
# open; ddkit takes the field's momentum 0.9, weight decay 5e-4 and batch 256, and no augmentation.
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
# The last line but one of that table matters most for what follows: how many **gradient updates** the network got. In
# the next lessons the same 20 epochs on 100 images are only 20 updates. Comparing epochs without updates fools people.

# %%
run = baseline.result["runs"][0]
batches = -(-baseline.result["training_images"] // 256)
assert run["updates"] == batches * baseline.result["epochs"]
assert baseline.scores.mean > 2 * baseline.result["chance"]

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
# of the same layout. One variable chooses: `DDKIT_POLYPS=mhist` or `mhist_like`.

# %%
polyps = lesson.polyps()
tissue = ddkit.load(polyps.dataset, size=polyps.size)
{name: getattr(tissue, name).labels.bincount().tolist() for name in ("train", "val", "test")}

# %%
sample = starting_set(polyps.distill("real"), tissue)
plots.image_grid(sample, title=f"Training images of both classes of {tissue.name}")

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
share = tissue.test.labels.bincount() / len(tissue.test)
f"always HP: accuracy {100 * share[0]:.2f} %, recall of HP 100 %, recall of SSA 0 %, balanced accuracy 50 %"

# %% [markdown]
# **Balanced accuracy** is the mean of the two recalls, so that guessing gets a half however the classes are mixed. The
# **AUC** is the chance that a random SSA image scores higher than a random HP image. Reports on this project have shown
# 63 % accuracy on MHIST with pride: it is the first line above.

# %%
polyp_baseline = lesson.told(ddkit.run(polyps.baseline()))
lesson.scores({"full data": polyp_baseline})

# %%
confusion = torch.tensor(polyp_baseline.result["runs"][0]["confusion"])
recalls = confusion.diag() / confusion.sum(1)
assert abs(float(recalls.mean()) - polyp_baseline.result["runs"][0]["balanced_accuracy"]) < 1e-6
assert abs(polyp_baseline.result["chance"] - float(share.max())) < 1e-6

# %% [markdown]
# ## Which images are hard?
#
# Which images to look at is a choice, so we look at *validation* images: a network after a short training, its mistakes,
# and how many of seven annotators said SSA.
#
# **Predict:** will it fail where the annotators disagreed?

# %%
from ddkit.foundation.randomness import stream
from ddkit.training import Protocol, fit, logits

network = build(polyps.network, tissue.channels, 2, tissue.size, width=polyps.width, generator=stream(0, "a look"))
fit(network, tissue.train, Protocol("a look", epochs=3), stream(0, "order"))
wrong = logits(network, tissue.val.images).argmax(1) != tissue.val.labels

# %%
labels, votes = tissue.val.labels[wrong][:8], tissue.val.votes[wrong][:8]
captions = [f"{('HP', 'SSA')[label]}\n{vote} of 7: SSA" for label, vote in zip(labels, votes, strict=True)]
plots.captioned(tissue, tissue.val.images[wrong][:8], captions, "Mistaken: label and votes")

# %%
close = (tissue.val.votes - 3.5).abs() < 1  # 3 or 4 of 7
print(f"mistaken: {100 * wrong[close].float().mean():.0f} % of the {int(close.sum())} images with 3 or 4 votes, "
      f"{100 * wrong[~close].float().mean():.0f} % of the others")

# %% [markdown]
# ## What you should take away
#
# * The full-data accuracy above is the ceiling that distilled data is measured against.
# * Cost has three names. Training costs about three forward passes per image and epoch.
# * Choices on validation data, one look at test data.
# * Unbalanced classes need balanced accuracy, each class's recall, and the line of always naming the frequent class.
#
# **Questions**
#
# 1. Your laptop's matrix product reaches far more FLOP/s than the table's "while training". Where does the time go?
# 2. Why is a stratified validation part better than the last 6,000 images?
# 3. A colleague reports 65 % accuracy on MHIST. What do you ask?
# 4. The baseline is a single network. What would you need to say "A is better than B by 0.1 points"?

# %% [markdown]
# *Your answers:*
