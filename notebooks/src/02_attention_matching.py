# %% [markdown]
# # 2 · Attention matching: DataDAM
#
# - **Course part:** {PART}. The distillation from noise, which lesson 3 looks at, is made here, too.
# - **You will learn** what an attention map of a network is, how DataDAM turns it into a loss, how Table 1's schedule is
#   read, and how that loss moves a hundred images until they stand for 54,000.
# - **Before you start:** lesson 1.
# - **Time:** an hour with its exercises; each of the two distillations takes 20 to 30 minutes on one processor core in the
#   laptop profile, and seconds if its result came with the repository. An interrupted run resumes when its cell is run again.

# %% shared="colab"

# %%
import ddkit  # before torch, whose threads it asks to share the processor
import torch
from ddkit import exercises, plots
from ddkit.course import lesson
from ddkit.methods import presets
from ddkit.plots import tables

profile = lesson.begin()
data = ddkit.load(profile.dataset)

# %% [markdown]
# ## The idea
#
# **Dataset distillation** looks for a small synthetic set $S$ such that a network trained on $S$ does as well on test data
# as one trained on the full set. How would one find it? The honest way is to train a network on $S$ to the end, see what it
# gets wrong, and change $S$ so that the next network gets less wrong. That is a training inside every step of another
# training.
#
# DataDAM (Sajedi et al., ICCV 2023) trains nothing to the end. It asks that $S$ *looks the same* as the real data to many
# networks with random weights: the same places must be active, on the average over a class. A network that cannot tell the
# two sets apart in its features has no reason to learn something else from them. This family is called *distribution
# matching* or *feature matching*; lesson 1 has the map of all families.
#
# Three words that come up again and again:
#
# * a **block** is what the network repeats: convolution, instance norm, ReLU, pooling. **Instance norm** subtracts from each
#   channel of each image its own mean and divides by its own standard deviation, so that how bright an image is plays no part;
# * a **feature map** is what one channel holds after a block's ReLU: large where the channel found what it looks for;
# * the **embedding** is the last block's output as one long vector, the input of the classifier. (The classifier's output
#   are the **logits**: one number for each class. DataDAM does not use them.)
#
# ## From feature maps to an attention map
#
# A block of the network turns an image into a stack of maps $f$ with channels $c$ and places $h, w$. How much a place
# matters, over all channels, is its attention:
#
# $$A_{hw} = \sum_c |f_{chw}|^p, \qquad \text{then } A \leftarrow A / \lVert A \rVert_2.$$
#
# The power $p$ says how much a few strong channels count against many weak ones. The norm makes bright and pale images
# comparable: only *where* counts, not how much.
#
# {MARK attention-map}
#
# **Exercise.** Write it in three steps: the power of the absolute values, summed over the channels; each image's map as one
# row; each row divided by its Euclidean norm. The check below tells you which step is missing.

# %% exercise="attention-map"
def my_attention_map(features, power):
    """[n, ch, H, W] -> [n, H*W], rows of norm 1."""
    ### BEGIN SOLUTION
    attention = features.abs().pow(power).sum(dim=1)
    attention = attention.flatten(start_dim=1)
    return attention / attention.norm(dim=1, keepdim=True)
    ### END SOLUTION


# %% check="attention-map"
exercises.check("attention-map", my_attention_map)
### BEGIN HIDDEN TESTS
_hand = torch.tensor([[[[1.0, -2.0]], [[3.0, 0.0]]]])  # two channels of 1 x 2 pixels
_expected = torch.tensor([10.0, 4.0]) / 116**0.5
assert ((torch.as_tensor(my_attention_map(_hand, 2)[0]) - _expected).abs() < 1e-5).all()
### END HIDDEN TESTS

# %% [markdown]
# From here on the lesson calls the package's function, so that all that follows works before yours does.
#
# **Predict:** if $p$ grows, does the map become flatter or more peaked? What happens for very large $p$?

# %%
from ddkit.methods.matching.datadam import attention_map

features = torch.rand(5, 8, 6, 6, generator=torch.Generator().manual_seed(0))
largest = {p: round(float(attention_map(features, p).max()), 2) for p in (1, 2, 4, 16, 256)}
assert list(largest.values()) == sorted(largest.values()), "the larger p, the more one place stands out"
assert largest[256] > 0.9
largest

# %% [markdown]
# The largest entry of all rows of norm one: at $p = 1$ each of the 36 places has a share, and at $p = 256$ that row is nearly one place.
# In the limit only the strongest channel at the strongest place is left. The paper prints $p = 4$ and its code has $p = 1$;
# the course's table names none, and ddkit's preset takes the code's.
#
# ## See it
#
# Attention of an untrained network: the first block sees strokes, later blocks see coarse places. That an *untrained*
# network already tells shapes apart is what matching random networks rests on: convolutions with random weights keep
# what lies where, and many different ones see different things.

# %%
from ddkit.networks import build
from ddkit.foundation.randomness import stream

network = build(profile.network, data.channels, 10, data.size, width=profile.width, generator=stream(0, "lesson 2"))
digits = torch.stack([data.train.of_class(c)[0] for c in (0, 3, 7)])
noise = torch.randn(digits.shape, generator=stream(0, "noise"))
plots.attention_maps(network, digits, noise, data.mean, data.std, power=1, titles=("real images", "noise"))

# %% [markdown]
# ## From attention maps to a loss
#
# For every class, take the **mean** attention map of the real images and of the synthetic ones, block by block, and let
# them agree. Means, because ten synthetic images cannot resemble six thousand real ones one by one, but they can resemble
# them on the average. The last block enters through its embedding $e$ with a small weight $\lambda$:
#
# $$L = \sum_{\text{classes}} \Big[ \sum_{l} \big\lVert \overline{A_l}(\text{real}) - \overline{A_l}(\text{syn})
# \big\rVert^2 + \lambda \big\lVert \overline{e}(\text{real}) - \overline{e}(\text{syn}) \big\rVert^2 \Big]$$
#
# {MARK attention-loss}
#
# **Exercise.** Write the loss. `real` and `synthetic` are lists: the maps of each block, `[classes, n, ch, H, W]`, and last the
# embedding, `[classes, n, D]`; $n$ may differ between the two. Call `attention_map`. Sum squares; average only over images.

# %% exercise="attention-loss"
def my_loss(real, synthetic, lam, power):
    """Lists of maps [classes, n, ch, H, W], and last the embedding [classes, n, D] -> a scalar."""
    ### BEGIN SOLUTION
    total = 0.0
    for c in range(len(real[0])):
        for r, s in zip(real[:-1], synthetic[:-1], strict=True):
            difference = attention_map(r[c], power).mean(0) - attention_map(s[c], power).mean(0)
            total = total + difference.square().sum()
        total = total + lam * (real[-1][c].mean(0) - synthetic[-1][c].mean(0)).square().sum()
    return total
    ### END SOLUTION


# %% check="attention-loss"
exercises.check("attention-loss", my_loss)
### BEGIN HIDDEN TESTS
_one, _two = ([torch.full((1, 1, 1, 1, 2), v), torch.full((1, 1, 3), v)] for v in (1.0, 2.0))
assert abs(float(my_loss(_one, _two, 0.5, 1)) - 1.5) < 1e-5, "maps agree, embeddings differ by 1 in three places"
assert abs(float(my_loss(_one, _one, 0.5, 4))) < 1e-5
### END HIDDEN TESTS

# %% [markdown]
# Slips that the check knows are slips that reports on this very project have had in them: matching *logits*; matching a *single*
# image instead of class means; forgetting the norm. Two more it cannot see: an optimiser that holds the network instead of
# the images, and scoring the images one started from. ddkit refuses the last: a run whose images did not move is an error.
#
# Where does the gradient go? $L$ depends on the synthetic images through the network's features. The network's weights are
# only a lens here: the step changes *pixels*.

# %%
from ddkit.methods.matching.datadam import attention_matching_loss


def features_by_class(images):
    """All blocks' maps but the last, then the embedding, each [classes, n, ...]."""
    *maps, _, embedding = network.features(images.flatten(0, 1))
    return [f.unflatten(0, images.shape[:2]) for f in (*maps, embedding)]


three = torch.stack([data.train.of_class(c)[:20] for c in range(3)])
few = torch.stack([data.train.of_class(c)[20:24] for c in range(3)]).requires_grad_()
real_features = [f.detach() for f in features_by_class(three)]
loss = attention_matching_loss(real_features, features_by_class(few), lam=0.01, power=4)
(gradient,) = torch.autograd.grad(loss, few)
assert gradient.shape == few.shape and gradient.abs().sum() > 0
f"loss {loss:.3f}; its gradient has the images' shape, {list(gradient.shape)}"

# %% [markdown]
# ## The schedule, read carefully
#
# Table 1 of the assignment has $K$ networks, $T$ iterations, and steps $\zeta_S$ (images) and $\zeta_\theta$ (network). It is
# read like this:
#
#     for each of K fresh networks:
#         T times:
#             zeta_S updates of the images          (attention matching)
#             zeta_theta updates of the network     (on the synthetic images)
#
# Why train the network in between? A random network and a somewhat trained one look at different things, and the images
# have to satisfy both. Reports on this project have read the table in seven ways, so write it once:
#
# {MARK update-loop}
#
# **Exercise.** Write the loop. `fresh()` returns a new network, `update_images(network)` makes one update of the images,
# `train_network(network)` one of the network.

# %% exercise="update-loop"
def my_update_loop(K, T, image_steps, network_steps, fresh, update_images, train_network):
    """Table 1's schedule; calls the three functions in the right order."""
    ### BEGIN SOLUTION
    for _ in range(K):
        network = fresh()
        for _ in range(T):
            for _ in range(image_steps):
                update_images(network)
            for _ in range(network_steps):
                train_network(network)
    ### END SOLUTION


# %% check="update-loop"
exercises.check("update-loop", my_update_loop)
### BEGIN HIDDEN TESTS
_seen = []
my_update_loop(2, 1, 1, 2, lambda: _seen.append("n"), lambda _: _seen.append("i"), lambda _: _seen.append("t"))
assert "".join(_seen) == "nittnitt"
### END HIDDEN TESTS

# %% [markdown]
# Now the whole method, live, on the three classes from above: two images of each start as noise; every update draws nothing
# and matches all sixty real images. This is DataDAM in three short cells. (The package adds random draws, augmentation, chunks
# that fit into memory, checkpoints and records.)

# %%
from ddkit.exercises.lessons.attention import update_loop  # ddkit's own, so that this works before yours does

synthetic = torch.randn(3, 2, *three.shape[2:], generator=stream(0, "live")).requires_grad_()
pixels, losses, generator = torch.optim.SGD([synthetic], lr=100.0), [], stream(0, "live networks")


def fresh():
    return build(profile.network, data.channels, 3, data.size, width=16, generator=generator)


def maps(network, images):
    *blocks, _, embedding = network.features(images.flatten(0, 1))
    return [f.unflatten(0, images.shape[:2]) for f in (*blocks, embedding)]


# %%
def update_images(network):
    wanted = [f.detach() for f in maps(network, three)]
    loss = attention_matching_loss(wanted, maps(network, synthetic), 0.01, 1)
    pixels.zero_grad()
    loss.backward()
    pixels.step()
    losses.append(loss.item())


# %%
def train_network(network):
    labels = torch.arange(3).repeat_interleave(2)
    error = torch.nn.functional.cross_entropy(network(synthetic.detach().flatten(0, 1)), labels)
    weights = list(network.parameters())
    for weight, slope in zip(weights, torch.autograd.grad(error, weights), strict=True):
        weight.data -= 0.01 * slope


update_loop(5, 4, 1, 3, fresh, update_images, train_network)
first, last = losses[0], losses[-4]  # the first questions of the first and of the last network
assert last < first
f"{len(losses)} updates; before it was trained, the first network asked {first:.2f}, the last one {last:.2f}"

# %% [markdown]
# **Predict:** how many updates do the images get in total for $K=100$, $T=10$, $\zeta_S=1$?

# %%
full_course = ddkit.Distill(dataset=profile.dataset, preset="course")
assert full_course.total_updates == 100 * 10 * 1
f"{full_course.total_updates} updates; this profile makes {profile.distill().total_updates} from real images"

# %% [markdown]
# A preset says where it departs from the table, the paper or the paper's code, and where those disagree:

# %%
lesson.say(*presets.departures("datadam", "course"))

# %%
lesson.table(tables.knobs(full_course.config, "github"))

# %% [markdown]
# **Siamese augmentation** is in that table: before a class's real and synthetic images are compared, both are shifted, turned or
# scaled by *one* draw. So a match has to hold wherever the digit stands, and the two sides are never compared under
# different draws.
#
# ## Choose
#
# Here is the one place where you change what is distilled. `profile.choose(lam=0.1)`, or any other knob of the table above, is
# remembered, and this lesson and all that follow take that run in place of the profile's own; `profile.choose()` goes back. A
# value that cannot work is refused in a sentence.

# %%
# profile.choose(lam=0.1)
profile.told or "nothing was chosen: the profile's own runs are taken"

# %% [markdown]
# ## Distil from real images
#
# {MARK own-records}
#
# What came with ddkit is shown at once and says *shipped*. The mark is for your own: start Jupyter with `DDKIT_REFERENCE=0`
# (lesson 1 says how), and this lesson makes them. A run that you chose above is your own in any case.
#
# **Predict:** will the distilled digits still look like digits? Will they move far from where they started? (How far is
# one number, $\lVert S - S_0 \rVert$: the Euclidean distance of all pixels together, as networks see them, from the start.)

# %%
real_run = lesson.told(ddkit.run(profile.distill("real")))
assert real_run.result["moved"] > 0
f"{real_run.updates} updates moved the images by {real_run.result['moved']:.1f}"

# %% [markdown]
# ## Distil from Gaussian noise
#
# Question 2d asks for the same from noise. Of digits, the profiles give it more updates than real images get, because it has
# further to go. **Predict:** will its loss become as small as that from real images?

# %%
noise_run = lesson.told(ddkit.run(profile.distill("noise")))
f"{noise_run.updates} updates (from real: {real_run.updates}) moved the images by {noise_run.result['moved']:.1f}"

# %% check="own-records"
exercises.made("own-records", real_run, noise_run)
if real_run.shipped and noise_run.shipped:
    assert noise_run.updates > real_run.updates and noise_run.result["moved"] > real_run.result["moved"]
    assert all(20 < run.seconds / 60 < 30 for run in (real_run, noise_run)), "as the head of this lesson says"

# %% [markdown]
# Below are the losses. If a run was also **validated** on the way, a second panel has the scores: after every few updates a
# network is trained on the images as the assignment says (20 epochs, which are 20 updates) and asked for the validation part. So
# these scores say which way it goes, and are far below what a longer training gets out of the same images (lesson 4).

# %%
plots.loss_curve({"from real images": real_run, "from noise": noise_run})

# %% [markdown]
# The curve has teeth. A tooth is one network's life: how does the loss change from its first update to its last, and what does
# the next, untrained network say to the same images? Do not guess from the picture, count:

# %%
def teeth(init, run):
    """Of the networks' lives: in how many the loss rose, at how many renewals it fell, and how many there were."""
    config = profile.distill(init).config
    updates = config.iterations * config.image_steps  # that a network lives
    losses = torch.tensor([step["loss"] for step in run.result["losses"]])
    lives = losses[: len(losses) // updates * updates].view(-1, updates)
    return int((lives[:, -1] > lives[:, 0]).sum()), int((lives[1:, 0] < lives[:-1, -1]).sum()), len(lives)


for init, run in (("real", real_run), ("noise", noise_run)):
    rose, fell, networks = teeth(init, run)
    lesson.say(f"from {init}: the loss was higher at the end of {rose} of {networks} networks' lives than at their "
               f"beginning, and lower after {fell} of {max(networks - 1, 0)} renewals")
    assert not run.shipped or (rose > 0.9 * networks and fell > 0.9 * (networks - 1))

# %% [markdown]
# So the loss *drops* when a fresh network comes and climbs while that network is trained: what a network in training sees is
# harder to match than what a random one sees. A single value says nothing about the images. Put one question twice instead: the network from the pictures above
# has matched nothing. What does it say to the images before and after?

# %%
hundred = torch.stack([data.train.of_class(c)[:100] for c in range(10)])
with torch.no_grad():
    wanted = features_by_class(hundred)


def asked(images):
    """The loss [] of a synthetic set [10 n, ch, H, W] before the network from above."""
    with torch.no_grad():
        return attention_matching_loss(wanted, features_by_class(images.unflatten(0, (10, -1))), lam=0.01, power=1)


for name, run in (("from real images", real_run), ("from noise", noise_run)):
    before, after = asked(run.synthetic.start), asked(run.synthetic.images)
    print(f"{name}: {before:.3f} before, {after:.3f} after, {'less' if after < before else 'no less'} than before")

# %% [markdown]
# ## Move it
#
# The same maps with a slider for $p$, the block, the network and the class, and what an augmentation does to both sides.
# The figure below each dashboard is for where widgets do not live; lesson 10 has a task for each.

# %%
from ddkit.widgets.attention_lab import AttentionLab

lab = AttentionLab({"from real images": real_run, "from noise": noise_run}, data)
lab

# %%
lab.figure()

# %%
from ddkit.widgets.augmentation_bench import AugmentationBench

augmentation = AugmentationBench(real_run.synthetic, data)
augmentation

# %%
augmentation.figure()

# %% [markdown]
# ## Polyps
#
# The same method, on colour images of two classes: your own copy of MHIST, or the synthetic stand-in (lesson 1).
# **Predict** from Table 1 (K = 200, T = 10): how many updates would the images get?

# %%
polyps = lesson.polyps()
tissue = ddkit.load(polyps.dataset, size=polyps.size)
table_1 = ddkit.Distill(dataset="mhist", preset="course", ipc=50)
assert table_1.total_updates == 200 * 10 * 1
real_updates, noise_updates = (polyps.distill(init).total_updates for init in ("real", "noise"))
lesson.say(f"{table_1.total_updates} updates; of {polyps.ipc} images per class this profile makes {real_updates} from "
           f"real ones and {noise_updates} from noise: lesson 3 looks at both")

# %%
lesson.say(*presets.departures("datadam", "course", "mhist")[-1:])

# %% [markdown]
# **Predict:** where will a random network look in stained tissue?

# %%
draws = stream(0, "polyps")
polyp_network = build(polyps.network, tissue.channels, 2, tissue.size, width=polyps.width, generator=draws)
hp, ssa = (tissue.train.of_class(c)[:3] for c in range(2))
power = polyps.distill().config.power
plots.attention_maps(polyp_network, hp, ssa, tissue.mean, tissue.std, power=power, titles=tissue.classes)

# %%
polyp_run = lesson.told(ddkit.run(polyps.distill("real")))
assert polyp_run.result["moved"] > 0
plots.loss_curve({"polyps, from real images": polyp_run})

# %% [markdown]
# Digits of a class have strokes at the same places; crypts lie anywhere. So a class's mean attention map is nearly flat, which the
# next cell measures by its standard deviation over the places, as a share of its mean (after the first block of either network
# from above, which may differ in norm and width: an order of magnitude is all that it says). Are the
# means of the two classes further apart than those of two handfuls of one class? (Equal numbers on both sides: a mean of
# more images is less noisy, so unequal ones would decide the comparison.)

# %%
def mean_map(images):
    """Mean attention map of the first block, [H*W]."""
    with torch.no_grad():
        return attention_map(polyp_network.features(images)[0], power).mean(0)


images = min(200, len(tissue.train.of_class(1)) // 2)
one, again = (mean_map(tissue.train.of_class(0)[k * images : (k + 1) * images]) for k in range(2))
other = mean_map(tissue.train.of_class(1)[:images])
between, within = float((one - other).norm()), float((one - again).norm())
with torch.no_grad():
    digit_map = attention_map(network.features(data.train.of_class(0)[:images])[0], power).mean(0)
uneven = {name: float(mean.std() / mean.mean()) for name, mean in (("zeros", digit_map), ("HP", one), ("SSA", other))}
assert not polyp_run.shipped or max(uneven["HP"], uneven["SSA"]) < uneven["zeros"] / 2
print("how uneven a mean map is:", {name: round(value, 2) for name, value in uneven.items()})
f"{images} images each: the classes' means differ by {between:.4f}; two means of the same class by {within:.4f}"

# %% [markdown]
# **Think:** what do the two numbers say about how well matching mean maps can work here? Lesson 4 measures it. It is why
# the laptop profile weighs the embeddings' term by more than Table 1 does:

# %%
f"lambda: {polyps.distill().config.lam} for polyps in this profile, {table_1.config.lam} in Table 1"

# %% [markdown]
# ## Try it: predict, reveal, run
#
# 135 small distillations of digits are stored: guess what a knob does, then reveal it. Below them Run makes one of your own.

# %%
from ddkit.widgets.hyperparameter_bench import HyperparameterBench

small = ddkit.Distill("digits", ipc=1, network="ConvNetD3", width=16, updates=40, options=(("network_steps", 10),))
bench = HyperparameterBench([small])
bench

# %%
assert len(bench.revealed.grid.cells) == 135
bench.figure()

# %% [markdown]
# ## Concept questions
#
# Read the paper (arXiv:2310.00093) for these; the lesson alone does not answer them. A few sentences each.
#
# {MARK task1-1a}
#
# **1a.** What is dataset distillation for, in this paper? Say what is given, what is sought, and by what it is judged.

# %% [markdown] answer="task1-1a"
# *Your answer:*
#
# <!-- BEGIN MARK SCHEME -->
# *Scheme:* ½ for the aim: a synthetic set much smaller than the original, on which a network trained from scratch generalises
# about as well; ½ for what it saves or allows (training time, memory, search over networks, continual learning) and that it is
# judged by test accuracy, also on other architectures than the one matched.
# <!-- END MARK SCHEME -->

# %% [markdown]
# {MARK task1-1b}
#
# **1b.** What does its method do better than the state of the art of its time, and why?

# %% [markdown] answer="task1-1b"
# *Your answer:*
#
# <!-- BEGIN MARK SCHEME -->
# *Scheme:* ½ for what: higher accuracy than distribution matching at a cost far below that of methods with two nested loops
# (gradient and trajectory matching), and images that transfer better; ½ for why: no inner training to convergence and no second
# derivatives; features of many networks, block by block, rather than the last layer's means alone.
# <!-- END MARK SCHEME -->

# %% [markdown]
# {MARK task1-1c}
#
# **1c.** What is new against its predecessors? Name the part that distribution matching (DM) does not have.

# %% [markdown] answer="task1-1c"
# *Your answer:*
#
# <!-- BEGIN MARK SCHEME -->
# *Scheme:* ½ for spatial attention maps of all intermediate blocks, normalised, matched by class means: that is what DM lacks; ½ for
# joining them with DM's own term (the last block's embeddings, weight lambda), and for random networks where CAFE, which also matches
# layer by layer, trains them. No mark for the embeddings or random networks alone: DM has both.
# <!-- END MARK SCHEME -->

# %% [markdown]
# {MARK task1-1d}
#
# **1d.** Describe the method in full: what is computed from a batch, what is compared, what is updated, how often, and what
# stands where in the algorithm. A drawing helps.

# %% [markdown] answer="task1-1d"
# *Your answer:*
#
# <!-- BEGIN MARK SCHEME -->
# *Scheme:* ½ for the loss (maps as in the equation above with its power and norm; class means; the embeddings' term); ½ for the
# loop (fresh networks, image updates, where augmentation enters, what is held fixed).
# <!-- END MARK SCHEME -->

# %% [markdown]
# {MARK task1-1e}
#
# **1e.** What is it useful for in machine learning? At least two applications, with the reason why a distilled set serves
# them better than the same number of real images.

# %% [markdown] answer="task1-1e"
# *Your answer:*
#
# <!-- BEGIN MARK SCHEME -->
# *Scheme:* ½ each for two applications with a reason (continual learning: a memory that says more per byte; architecture search:
# a cheap proxy that ranks networks; privacy or federated learning: with the caution that privacy has to be shown).
# <!-- END MARK SCHEME -->

# %% [markdown]
# ## For your report
#
# One line writes this lesson's tables and figures, from your records, into the folder `report` (`python -m ddkit report report` lays out
# the whole of it). What is missing is named, and what came with ddkit is marked as shipped.

# %%
from ddkit import report

report.lesson(2, profile, polyps)

# %% [markdown]
# ## What you should take away
#
# * An attention map says *where* a network looks; a norm makes it comparable.
# * The loss compares class means over many random networks; nothing is trained to the end.
# * Say how many updates the images got: "K = 100" alone means nothing.
# * A loss whose questioner changes cannot be read from one value to the next.
#
# **Questions to yourself**
#
# 1. Which of Table 1's symbols would you double if you had twice the time, and how would you decide without test data?
# 2. What would go wrong if siamese augmentation made two independent draws for the two sides?
# 3. Why is the last block's *map* left out of the sum, and its embedding taken instead?
# 4. What would the images become if only the embedding were matched ($\lambda$ very large)?
# 5. The loss averages over images. Which sets of ten images can it not tell apart?
#
# **Go further.** Run the same distillation with $p = 4$ (`profile.distill("real", power=4)`) and compare in lesson 4. Read what the paper
# says on $\lambda$, and find your own in the dashboard above. Leave the training of networks out
# (`network_steps=0`): how much does it buy?
