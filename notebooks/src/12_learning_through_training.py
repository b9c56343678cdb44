# %% [markdown]
# # 12 · Learning through training, labels alone, and private sets
#
# - **Course part:** {PART}. It is for whoever wants to understand the oldest question of the field, and what it costs to ask it.
# - **You will learn** to differentiate a training by hand; what is lost if only its last steps are looked at; why memory need not grow with
#   the steps; what a set is worth with and without its recipe; to learn labels in place of images; and what a private set promises.
# - **Before you start:** lessons 2 and 4. Lesson 6 helps, lesson 11 has the map of all families.
# - **Time:** an hour and a half. All but the last table runs live, on small digits, in about a minute of one processor core.

# %% shared="colab"

# %%
import time

import ddkit  # before torch, whose threads it asks to share the processor
import torch
import torch.nn.functional as F
from tabulate import tabulate
from ddkit import plots
from ddkit.course import lesson
from ddkit.course.demonstrations import through_training
from ddkit.foundation.randomness import stream

lesson.begin()
digits = ddkit.load("digits")
begun = time.process_time()

# %% [markdown]
# ## One step, by hand
#
# **DD** (Wang et al., 2018) asks the honest question: train a network on the small set, and see how it does on real images. Then move the
# pixels so that it does better. For that one needs the derivative of a *trained* network's loss in the images that it was trained on.
#
# Take a linear model with weights $W$, $n$ synthetic images as the rows of $X$ with targets $Y$, and $m$ real ones, $T$ with targets $Z$. One
# step of gradient descent on the squared error, at rate $\eta$, from $W_0$:
#
# $$W_1 = W_0 - \tfrac{\eta}{n} X^\top R, \qquad R = X W_0 - Y$$
#
# What counts is the real loss after it, $L = \tfrac{1}{2m} \lVert T W_1 - Z \rVert^2$, whose slope in the weights is
# $G = \tfrac{1}{m} T^\top (T W_1 - Z)$. If $W_1$ changes by $dW_1$, then $L$ changes by $\langle G, dW_1 \rangle$. Write down $dW_1$ for a small change
# of $X$, of $Y$ and of $\eta$, and sort:
#
# $$\frac{\partial L}{\partial X} = -\tfrac{\eta}{n} \big( R\, G^\top + X\, G\, W_0^\top \big), \qquad
# \frac{\partial L}{\partial Y} = \tfrac{\eta}{n} X\, G, \qquad
# \frac{\partial L}{\partial \eta} = -\tfrac{1}{n} \langle G, X^\top R \rangle$$

# %%
real = torch.cat([digits.train.of_class(c)[:20] for c in range(10)]).flatten(1).double()
wanted = F.one_hot(torch.arange(10).repeat_interleave(20), 10).double()
x = torch.cat([digits.train.of_class(c)[20:22] for c in range(10)]).flatten(1).double()  # two of each class
y = F.one_hot(torch.arange(10).repeat_interleave(2), 10).double()
RATE = 0.002


def by_hand(w0):
    """Slopes of the real loss after one step, in images, labels and rate."""
    n, wrong = len(x), x @ w0 - y
    w1 = w0 - RATE / n * x.T @ wrong
    g = real.T @ (real @ w1 - wanted) / len(real)
    return -RATE / n * (wrong @ g.T + x @ g @ w0.T), RATE / n * x @ g, -(g * (x.T @ wrong)).sum() / n


# %% [markdown]
# `unroll` does this for any network, any number of steps, and momentum; all methods of this lesson but the labels' and the private
# one stand on it. It should find the same.

# %%
from ddkit.methods.matching.student import Batch, Student
from ddkit.methods.matching.unroll import Rule, unroll

linear = Student(torch.nn.Linear(784, 10, bias=False).double(),
                 lambda out, y: (out - y).square().sum() / (2 * len(out)))


def real_loss(weights):
    return (linear.logits(weights, real) - wanted).square().sum() / (2 * len(real))


def by_ddkit(w0, steps=1, **how):
    """The same by ddkit, whose linear layers keep their weights transposed and flat."""
    every = [Batch(torch.arange(len(x)))] * steps
    return unroll(linear, w0.T.flatten(), x, y, every, Rule(torch.tensor(RATE, dtype=torch.float64)), real_loss, **how)


# %%
zero, drawn = torch.zeros(784, 10).double(), 0.03 * torch.randn(784, 10, generator=stream(0, "start")).double()
for name, w0 in {"from zero": zero, "from random weights": drawn}.items():
    found = by_ddkit(w0)
    pairs = zip(by_hand(w0), (found.images, found.labels, found.rate), strict=True)
    apart = max(float((hand - theirs).abs().max() / theirs.abs().max()) for hand, theirs in pairs)
    assert apart < 1e-10
    print(f"{name}: real loss {found.loss:.3f} after the step; by hand and by ddkit differ by {apart:.0e}")

# %% [markdown]
# **Predict:** from $W_0 = 0$ there is only one term, and $R = -Y$. Two different images of the same class: in which directions does the
# real loss want to move either?

# %%
slopes = {"from zero": by_hand(zero)[0], "from random weights": by_hand(drawn)[0]}
for name, slope in slopes.items():
    first, second = slope[::2], slope[1::2]  # the two images of each class
    print(f"{name}: cosine of the slopes of two images of a class {F.cosine_similarity(first, second).mean():.4f}")
assert torch.allclose(slopes["from zero"][::2], slopes["from zero"][1::2], rtol=1e-9, atol=0)
second_term = -by_hand(drawn)[1] @ drawn.T  # the slope in Y is eta / n X G
times = float(second_term.norm() / (slopes["from random weights"] - second_term).norm())
assert times > 5
f"from random weights the second term is {times:.0f} times as long as the first"

# %%
asked = {f"{which}, {name}": through_training.as_grey(digits, slope)[first::2]
         for name, slope in slopes.items() for which, first in (("of the first", 0), ("of the second", 1))}
both = x.float().view(-1, 1, 28, 28)
plots.image_rows(digits, {"the first": both[::2], "the second": both[1::2], **asked},
                 "Two images of each class, and what is asked of their pixels")

# %% [markdown]
# (White: should become brighter. Mid-grey: is right as it is.) From zero, a linear model's first step is a sum of images; what this sum lacks
# is the same for every image of the class. From random weights the second term outweighs the first: it would correct what the *old* weights
# make of each image, in patterns of these weights, and looks as random as they are. It differs from image to image, but, as the cosine says, little.
#
# ## How few images can be enough?
#
# Let $W^*$ be the best linear model on all training images. For $W_0 = 0$ one step lands *on* it if $X = \tfrac{n}{\eta} {W^*}^\top$
# and $Y = I$: ten images, one step, nothing lost. **Predict:** and from other weights?

# %%
every, labels = digits.train.images.flatten(1).double(), F.one_hot(digits.train.labels, 10).double()
best = torch.linalg.solve(every.T @ every + 10 * torch.eye(784).double(), every.T @ labels)


def accuracy(w):
    """In %, on test images."""
    return 100 * float(((digits.test.images.flatten(1).double() @ w).argmax(1) == digits.test.labels).double().mean())


ten = 10 / RATE * best.T
after = {name: w0 - RATE / 10 * ten.T @ (ten @ w0 - torch.eye(10).double())
         for name, w0 in (("zero", zero), ("random", drawn))}
assert torch.allclose(after["zero"], best)
print("; ".join(f"one step from {name} weights {accuracy(w):.1f} %" for name, w in after.items()),
      f"(the best model itself: {accuracy(best):.1f} %)")
before, then = ((w - best).square().sum().item() for w in (drawn, after["random"]))
assert then > before
f"random weights: squared distance to the best model {before:.0f} before the step, {then:.0f} after it"

# %% [markdown]
# So a set made for **one** start may be perfect and worth nothing from another: the step was cut to measure. (It does harm here, as
# images so glaring make a step that is far too long.) To land on $W^*$ from *anywhere* in one step takes rows that are orthogonal and of
# squared length $n / \eta$, with $Y = X W^*$: then the step takes away everything of $W_0 - W^*$ that lies in the span of the rows.
#
# **Predict,** and write it in the next cell: how many images are needed, for pictures of 28 × 28 pixels?

# %%
needed = None  # a number of images

axes = torch.linalg.qr(torch.randn(784, 784, generator=stream(0, "rows")).double())[0]
left = {}
for n in (10, 100, 400, 784):
    rows = (n / RATE) ** 0.5 * axes[:n]
    end = drawn - RATE / n * rows.T @ (rows @ drawn - rows @ best)
    left[n] = float((end - best).square().sum() / (drawn - best).square().sum())
    share = 1 - n / 784
    print(f"{n} images: {100 * left[n]:.1f} % of the squared distance is left; 1 - n / 784 is {100 * share:.1f} %")
assert left[784] < 1e-20 < left[400]
lesson.answered(needed, 784)

# %% [markdown]
# No number of steps helps: the gradient of a linear model is a sum of the images it sees, so what is orthogonal to all of them stays as it
# was drawn. Ten images can do more than this only as starts do not come from *anywhere*: they are drawn near zero, from a distribution that
# the set was made for. **A distilled set is made for a distribution of starts**; keep this in mind for what follows.
#
# ## Many steps
#
# With more steps, walk back from the last. Let $\Lambda = G$ at the end; for each step, from the last to the first, add what it gives, then pull
# $\Lambda$ through it:
#
# $$\frac{\partial L}{\partial X} \mathrel{-}= \tfrac{\eta}{n} \big( R_t \Lambda^\top + X \Lambda W_t^\top \big), \qquad
# \Lambda \leftarrow \Lambda - \tfrac{\eta}{n} X^\top X \Lambda$$
#
# **Predict:** what does this need to remember of each step? And what becomes of $\Lambda$, many steps before the end?

# %%
def walked_back(w, steps):
    """The images' slope through so many steps, by hand, and the lengths of Lambda on the way back."""
    n, path, total = len(x), [w], torch.zeros_like(x)
    for _ in range(steps):
        path.append(path[-1] - RATE / n * x.T @ (x @ path[-1] - y))
    slope = real.T @ (real @ path.pop() - wanted) / len(real)
    lengths = [float(slope.norm())]
    for w in reversed(path):
        total -= RATE / n * ((x @ w - y) @ slope.T + x @ slope @ w.T)
        slope = slope - RATE / n * x.T @ (x @ slope)
        lengths.append(float(slope.norm()))
    return total, lengths


by_walk, lengths = walked_back(drawn, 30)
for mode in ("stepwise", "unrolled"):
    theirs = by_ddkit(drawn, 30, mode=mode).images
    apart = float((by_walk - theirs).abs().max() / theirs.abs().max())
    assert apart < 1e-10
    print(f"30 steps, {mode}: differs from the walk by hand by {apart:.0e}")

# %% [markdown]
# The walk needs the weights of every step, and no graph of more than one. That is ddkit's mode `stepwise`; `unrolled` leaves it all to
# autograd, which keeps every step's graph. For a network, the factor $X^\top X$ becomes the second derivative of the loss.

# %%
assert lengths == sorted(lengths, reverse=True)
print(f"Lambda is {lengths[0]:.2f} long at the end and {lengths[-1]:.2f} thirty steps before:")
"what an early step did is partly undone by later ones"

# %% [markdown]
# ## What a window loses
#
# If what early steps did is partly undone, why go back to them? **Truncation** takes only the last $M$ of $T$ steps into the derivative. Where one weight
# is pulled towards a pixel, and each step corrects a share $\alpha h$ of its error, the whole gradient is $1 - (1 - \alpha h)^T$, and the window's is
# $1 - (1 - \alpha h)^M$.
#
# **Predict:** which weights does a window of twenty steps see well, those that are learned fast or those that are learned slowly? And how much
# will the last twenty of sixty steps hold of a network's gradient?

# %%
STEPS = 60
mlp = through_training.Course.on(digits, "MLP", 0.1)
measured = through_training.through_windows(mlp, STEPS, (1, 2, 5, 10, 20, 30, 40, 50, STEPS))
plots.windows(through_training.shares((0.3, 0.03, 0.003), STEPS), measured,
              f"What a window on the last of {STEPS} steps keeps")

# %%
half = next(window for window in measured if window.steps == STEPS // 2)
assert measured[-1].cosine > 0.9999 and half.length < measured[-1].length
print(f"half of the steps keep {100 * half.length:.0f} % of the gradient's length, "
      f"and its direction to a cosine of {half.cosine:.2f}")
every_step = [Batch(torch.arange(len(mlp.images)))] * STEPS
path = mlp.student.visited(mlp.start, mlp.images, mlp.labels, mlp.rate, every_step)
wrong = [float((mlp.student.logits(path[step], mlp.images).softmax(1) - F.one_hot(mlp.labels, 10)).norm())
         for step in (0, STEPS // 2, STEPS)]
assert wrong[0] > 10 * wrong[1] > 10 * wrong[2] and half.length < 0.5
f"R, what the set still has to teach, is {wrong[0]:.2f} long at first, {wrong[1]:.2f} half-way, {wrong[2]:.2f} at last"

# %% [markdown]
# On the left late steps count most, as they undo what was before. Much of the network's gradient comes from its *first* steps: the length on the
# right rises most at its right end. The walk says why: what a step gives goes with $R_t$, what the set still has to teach, and ten images are
# soon learned. (The walk's second term fades with it: of a softmax that is sure, the slope vanishes.)
#
# A shorter gradient would be no loss, as the optimiser's rate could make up for it. A gradient in another *direction* asks for other images:
# those that are good for a network that has already learned, rather than for one that begins.
#
# So what is it worth? **RaT-BPTT** (Feng et al., 2024) lays the window anew at random in every update, so that all steps get their turn. Ten
# images, twenty steps, equal updates, windows of 1, 5 and all 20; then five networks on each set, by the standard protocol (for a tenth of its
# epochs, to be quick). In this lesson ± beside a score is the standard deviation over networks, beside a lead its standard error. **Predict** the
# order of their scores, and of their seconds.

# %%
from ddkit import methods
from ddkit.methods import presets
from ddkit.methods.loop import distill
from ddkit.synthetic import SyntheticSet


def made(method, preset, updates, ipc=1, init="noise", **changes):
    """A set distilled on MLPs, the seconds it took, and the losses on the way."""
    synthetic = SyntheticSet.begin(init, digits, ipc, stream(0, "init"))
    settings = presets.configure(method, preset, {"network": "MLP", "updates": updates, **changes})
    history = distill(methods.get(method)(settings), synthetic, digits, updates=updates, seed=0, quiet=True)
    return synthetic, history.seconds, history.losses


# %%
from dataclasses import replace
from ddkit.foundation.errors import Diverged
from ddkit.training import PROTOCOLS, evaluate
from ddkit.training.leads import Lead

SEEDS, ordinary = range(5), replace(PROTOCOLS["standard"], epochs=100)
assert PROTOCOLS["standard"].epochs == 10 * ordinary.epochs


def as_data(synthetic):
    """Scores of five networks trained on it as on any data set (shuffled, augmented, at the standard rate), or None."""
    try:
        return evaluate(synthetic.training_split(), digits, "MLP", ordinary, SEEDS, quiet=True)
    except Diverged:
        return None


# %%
how = {"init": "real", "step_images": 0, "steps": 20}  # all images in every step
through = {window: made("unrolled", "course", 40, window=window, **how) for window in (1, 5, 20)}
judged = {window: as_data(synthetic) for window, (synthetic, _, _) in through.items()}
start = as_data(through[20][0].undistilled())
print(f"the start, one real image per class: {start}")
for window, scores in judged.items():
    lead = Lead.points(scores, judged[20])
    over = Lead.points(scores, start)
    told = f"; {lead.gap:+.1f} ± {lead.error:.1f} from all steps. {lead.verdict}" if window != 20 else ""
    lesson.say(f"window {window}, {through[window][1]:.1f} s: {scores}, {over.gap:+.1f} ± {over.error:.1f} points "
               f"(standard error) over the start{told}")

# %%
verdicts = {window: Lead.points(judged[window], judged[20]) for window in (1, 5)}
lost = [str(window) for window, lead in verdicts.items() if lead.told_apart and lead.gap < 0]
print(f"windows that lose against all steps by more than chance: {', '.join(lost) or 'none'}")
if not lost:
    print("A null result: here, windows lose much of the gradient, and nothing that five networks could tell.")

# %% [markdown]
# Read the sentence above before you believe either side: this was one set of each kind, on small digits, at equal *updates*. At equal
# *seconds* a window makes more of them. (**Think:** how would you compare them fairly?)
#
# ## What has to be remembered
#
# It is often said that backpropagation through training needs too much memory, and windows are recommended against it. **Predict** the two
# curves: bytes held, over the number of steps, if autograd unrolls everything, and if one walks back step by step.

# %%
convnet = through_training.Course.on(digits, "ConvNetD3", 0.1)
held = through_training.memory(convnet, (1, 2, 5, 10, 20))
plots.graph_memory(held, f"Memory of differentiating through training: ConvNet, {len(convnet.images)} images a step")

# %%
growth = {mode: found[20] / found[1] for mode, found in held.items()}
assert growth["stepwise"] < 1.2 and growth["unrolled"] > 2
weights, images = convnet.start.nbytes / 2**20, convnet.images.nbytes / 2**20
print("at 20 steps, of what is held at 1:", ", ".join(f"{mode} {times:.2f} times" for mode, times in growth.items()))
of_loss = through_training.graph_bytes(lambda: convnet.real_loss(convnet.start.clone().requires_grad_()))
assert of_loss > 0.5 * held["stepwise"][1]
print(f"step by step, a further step costs {weights:.2f} MiB, the network's weights; the images are {images:.2f} MiB")
heavy = {mode: found[20] / 2**20 for mode, found in through_training.memory(mlp, (20,)).items()}
assert heavy["unrolled"] / heavy["stepwise"] < held["unrolled"][20] / held["stepwise"][20]
print(f"of one step's {held['stepwise'][1] / 2**20:.1f} MiB, {of_loss / 2**20:.1f} are of the real images' loss")
f"the MLP at 20 steps: {heavy['stepwise']:.0f} MiB stepwise, {heavy['unrolled']:.0f} MiB unrolled"

# %% [markdown]
# Most of what is held in one step are the activations of the *real* images in the loss. Walking back makes every step twice, once without and once
# with a graph; memory is then no argument for a window, only time is. (For a network of many weights and few activations, as the MLP
# above, what both hold is nearer: then weights are most of what there is.)
#
# ## A set, or a recipe?
#
# DD distils more than images. The *order* of the steps and the *rate* of each are learned with them, and with a fixed initialisation the
# starting weights belong to the set as well. **SLDD** (Sucholutsky and Schonlau, 2021) learns the labels, too. **RTP** (Deng and Russakovsky,
# 2022), which you ran above with windows of all steps, owns nothing of this: its batches are drawn at random, at one rate.
#
# So there are two scores, and both are true. **As prescribed** (protocol `prescribed`): train as the recipe says, with its order, rates and
# start. **As an ordinary data set** (protocol `standard`): what anybody would do with ten images.
#
# **Predict** how far apart they are for DD with a *fixed* start, whose recipe has three steps. (With *random* ones it has ten.)

# %%
recipes = {"DD, fixed": made("unrolled", "dd_fixed_course", 100),
           "SLDD, fixed": made("unrolled", "sldd_fixed_course", 100),
           "DD, random": made("unrolled", "dd_course", 80)}
for name, (synthetic, seconds, losses) in recipes.items():
    rates = ", ".join(f"{rate:.2f}" for rate in synthetic.schedule.rates.tolist())
    first, last = losses[0]["loss"], losses[-1]["loss"]
    print(f"{name}, {seconds:.1f} s: real loss {first:.2f} to {last:.2f}; learned rates {rates}")
assert [len(synthetic.schedule) for synthetic, *_ in recipes.values()] == [3, 3, 10]

# %%
from ddkit.training.protocols.prescribed import Prescribed, score
from ddkit.training.scores import Scores


def as_prescribed(synthetic, schedule=None):
    """Scores by the set's own recipe, or by another; where it brings its own weights, one network is all there is."""
    how = Prescribed(schedule=schedule or synthetic.schedule)
    seeds = SEEDS[:1] if how.schedule.fixed else SEEDS
    return Scores(tuple(score(synthetic.training_split(), digits, "MLP", how, seed, quiet=True) for seed in seeds))


told = {"as prescribed": {name: as_prescribed(synthetic) for name, (synthetic, *_) in recipes.items()},
        "as an ordinary data set": {name: as_data(synthetic) for name, (synthetic, *_) in recipes.items()} |
                                   {"RTP": judged[20], "start: real": start}}
rows = [(name, *(group.get(name, "it owns none") or "diverges" for group in told.values()))
        for name in told["as an ordinary data set"]]
lesson.table(tabulate(rows, ("set", *told), "github"))

# %%
shown = {way: {name: scores for name, scores in group.items() if scores} for way, group in told.items()}
plots.two_ways(shown, 0.1, "Ten images: a recipe, and a data set")

# %% [markdown]
# Compare the columns, not the rows: RTP's set had fewer updates than the others, for it had its windows to show.
#
# SLDD's labels weigh the classes as they stand: they need not sum to one, and some are negative. Of a class with a negative share the cross-entropy
# falls for ever as its logit does. The recipe's three steps do not notice; a hundred do:

# %%
sldd = recipes["SLDD, fixed"][0].training_split()
sums, least = sldd.labels.sum(1), sldd.labels.min()
above = evaluate(replace(sldd, labels=sldd.labels.clamp(min=0)), digits, "MLP", ordinary, SEEDS, quiet=True)
fate = "trains all the same" if told["as an ordinary data set"]["SLDD, fixed"] else "diverges"
assert least < 0
lesson.say(f"the shares of an image of SLDD sum to {sums.min():.1f} to {sums.max():.1f} (a class: 1), the least is "
           f"{least:.2f}; as an ordinary set it {fate}; with shares below zero put to zero it has an end: {above}")

# %% [markdown]
# **Predict** one more: the recipe of the fixed start, its order and rates as they are, but from *other* weights. More than as an ordinary data
# set, or less? Write `"more"` or `"less"`.

# %%
from_others = None

fixed = recipes["DD, fixed"][0]
elsewhere = as_prescribed(fixed, replace(fixed.schedule, weights=None))
own, plain = (told[way]["DD, fixed"] for way in told)
assert own.mean > elsewhere.mean
print(f"its own start {own}; other starts {elsewhere}; as an ordinary data set {plain}")
lesson.answered(from_others, "more" if elsewhere.mean > plain.mean else "less")

# %% [markdown]
# A table that prints the first number beside scores of ordinary sets compares a key with a book. Neither is dishonest, if it is said. The
# recipe has a weight, too:

# %%
for name, (synthetic, *_) in recipes.items():
    recipe, data = (group[name] for group in told.values())
    lead = Lead.points(recipe, data) if data else None
    error = f" ± {lead.error:.1f}" if lead and lead.error else " (one network: no error to be had)"
    gap = f"{lead.gap:+.1f}{error} points with" if lead else "nothing without"
    print(f"{name}: {gap} the recipe; images {synthetic.images.nbytes:,} bytes, recipe {synthetic.schedule.bytes:,}")
assert fixed.schedule.bytes > fixed.images.nbytes > recipes["DD, random"][0].schedule.bytes

# %% [markdown]
# With a fixed start the starting weights outweigh the images many times. Whoever stores them might as well store trained ones. (**Think:** when
# would a fixed start be worth it all the same?) `python -m ddkit evaluate SET` scores every set that owns a recipe in both ways.
#
# ## Labels alone
#
# **LD** (Bohdal et al., 2020) leaves real images as they are and learns what to call them: a share of every class for each image. Two ways to
# ask what labels did: **second order**, a step of gradient descent as above, or **ridge regression**, which solves for the classifier.
# For the step, you know the derivative already, $\partial L / \partial Y = \tfrac{\eta}{n} X G$ for the linear model. In words: an image should be called
# more of a class if stepping towards that would lower the real loss. No second derivative is needed: labels enter a step linearly.
#
# **Predict:** an image is a 9, and a little like a 4. Which shares will its label have? Will the class on top be the right one for all images?

# %%
alone = {"second order": made("labels", "course", 400, ipc=10, init="real", label_lr=0.03, inner_lr=0.1),
         "ridge": made("labels", "course_ridge", 400, ipc=10, init="real", label_lr=0.01)}
for name, (synthetic, seconds, _) in alone.items():
    assert torch.equal(synthetic.images, synthetic.start)
    right = (synthetic.predicted == synthetic.started_as).float().mean()
    lesson.say(f"{name}, {seconds:.1f} s: images as they were; {100 * right:.0f} % of labels have the image's own "
               f"class on top; the largest share is {synthetic.labels.max(1).values.mean():.2f} on the average")

# %%
by_ridge = alone["ridge"][0]
pairs = [zip(*(found.tolist() for found in row.topk(2)), strict=True) for row in by_ridge.labels[::10]]
names = [", ".join(f"{c}: {share:.2f}" for share, c in pair) for pair in pairs]
title = "Labels learned by ridge regression: the two largest shares of the first image of each class"
plots.captioned(digits, by_ridge.images[::10], names, title, columns=5)

# %% [markdown]
# Labels began at a tenth for every class. Do they teach more than the plain truth about the same hundred images? Beside each stands its start with its
# *true* labels, trained in the same way. How long to train belongs to these sets, so that they have a recipe as well.

# %%
rows, leads, true_labels = [], {}, alone["ridge"][0].undistilled()
assert len(true_labels.images) == 100
plain = as_data(true_labels)
for name, (synthetic, *_) in alone.items():
    pairs = {"as prescribed": (as_prescribed(synthetic), as_prescribed(true_labels, synthetic.schedule)),
             "as ordinary data": (as_data(synthetic), plain)}
    for way, (learned, true) in pairs.items():
        leads[name, way] = Lead.points(learned, true)
        rows.append((name, way, learned, true, f"{leads[name, way].gap:+.1f} ± {leads[name, way].error:.1f}",
                     "yes" if leads[name, way].told_apart else "no"))
headers = ("labels learned by", "trained", "learned labels", "true labels", "lead ± standard error", "told apart")
lesson.table(tabulate(rows, headers, "github", disable_numparse=True))

# %%
ahead = [f"{name} {way}" for (name, way), lead in leads.items() if lead.told_apart and lead.gap > 0]
behind = [f"{name} {way}" for (name, way), lead in leads.items() if lead.told_apart and lead.gap < 0]
print(f"learned labels teach more than true ones: {'; '.join(ahead) or 'nowhere'}")
print(f"and less: {'; '.join(behind) or 'nowhere'}")
if behind or not ahead:
    print(f"{len(alone['ridge'][2])} updates do not reach the truth everywhere, and the truth was free.")

# %% [markdown]
# Where learned labels lose, the method did not fail: nobody told it what these hundred images are, and it found so much of it from other images
# in a few hundred updates (the paper makes many thousands). But "learned" is no praise. The question is always: better than what was there before?
#
# ## Private sets
#
# A distilled set is made *of* people's images, and many begin as some of them. May it be published? A look at the images answers nothing. **PSG** (Chen
# et al., 2022) builds the answer in. It is **gradient matching** (the set should give a network's weights the gradient that real images give
# them; lesson 11), but of the real images it sees one thing only, in each update: a **noisy sum of clipped gradients**.
#
# $$\tilde g = \frac{1}{B} \Big[ \sum_i g_i \min\big(1, \tfrac{R}{\lVert g_i \rVert}\big) + \mathcal N(0, \sigma^2 R^2 I) \Big]$$
#
# Here $g_i$ is the gradient of one image's loss, $B$ the size of a batch as it is expected, $R$ (no longer that of above) the length that
# gradients are clipped to. Each image is in a batch or not by a coin of its own, which shows it with probability $q$; it has a say of at most $R$,
# and drowns in noise of $\sigma R$. The set begins from noise, no validation is looked at, and whatever is computed from a private number is as private.
#
# **Predict:** one image of the batch is a thousand times brighter than it should be. How far does it move the mean gradient, without
# clipping and with it?

# %%
from ddkit.methods.private.mechanism import privatise, sample_gradients

CLIP, some = 0.1, slice(0, 64)
images, classes, glaring = digits.train.images[some], digits.train.labels[some], digits.train.images[some].clone()
glaring[0] *= 1000
gradients = {name: torch.cat(list(sample_gradients(mlp.student, mlp.start, found, classes)))
             for name, found in {"as it is": images, "glaring": glaring}.items()}
plain = {name: found.mean(0) for name, found in gradients.items()}
clipped = {name: privatise([found], CLIP, 0.0, len(images), stream(0, "noise")) for name, found in gradients.items()}
for name, pair in {"plain": plain, "clipped": clipped}.items():
    print(f"{name}: the mean gradient moves by {(pair['glaring'] - pair['as it is']).norm():.2g}")
assert (clipped["glaring"] - clipped["as it is"]).norm() <= 2 * CLIP / len(images)
f"no image, replaced by any other, moves it by more than 2 R / B = {2 * CLIP / len(images):.2g}"

# %% [markdown]
# ### What epsilon means
#
# **Differential privacy** is a promise about probabilities: with one image more or less in the data, that of *any* outcome changes by at most a
# factor $e^\varepsilon$, and a small $\delta$ on top. So whoever sees the set, knows the method and all other images, and believed with even odds
# that yours was used, can be at most so sure afterwards (with $\delta$ left out):

# %%
import math

for epsilon in (0.1, 1.0, 3.0, 10.0):
    print(f"epsilon {epsilon:4}: factor {math.exp(epsilon):,.1f}, at most {100 / (1 + math.exp(-epsilon)):.3f} % sure")

# %% [markdown]
# **Think:** at ten, the bound allows near certainty. Why do papers print it all the same? It is an *upper* bound over the worst data and the
# cleverest attack, and real ones do far less; but that is then measured, not proved.
#
# Now three sets: without noise, at $\varepsilon = 10$ and at $\varepsilon = 1$. The noise $\sigma$ follows from $\varepsilon$, $\delta$, how often an image
# is seen ($q$), and the number of noisy gradients. **Predict** the scores, beside that of ten real images, which are not private at all.

# %%
PRIVATE = {"real_batch": 128, "image_lr": 10.0}
private = {"clipped, no noise": made("private", "course", 60, epsilon=None, sigma=0.0, **PRIVATE)}
private |= {f"epsilon {epsilon:.0f}": made("private", "course", 60, epsilon=epsilon, **PRIVATE)
            for epsilon in (10.0, 1.0)}
for name, (synthetic, seconds, _) in private.items():
    spent = synthetic.origin["privacy"]
    epsilon, delta = spent["epsilon"], spent["delta"]
    promise = "no epsilon at all" if epsilon is None else f"epsilon {epsilon:.3f} at delta {delta:g}"
    sigma, q = spent["sigma"], spent["q"]
    print(f"{name}, {seconds:.1f} s: {spent['steps']} gradients, sigma {sigma:.2f}, q {q:.3f}: {promise}")

# %%
plots.image_rows(digits, {name: synthetic.images for name, (synthetic, *_) in private.items()},
                 "Ten images by PSG: the smaller epsilon, the more noise")

# %%
learned = {name: as_data(synthetic) for name, (synthetic, *_) in private.items()}
for name, scores in learned.items():
    lead = Lead.points(scores, start)
    lesson.say(f"{name}: {scores}, {lead.gap:+.1f} ± {lead.error:.1f} points from ten real images. {lead.verdict}")
price = Lead.points(learned["epsilon 1"], learned["clipped, no noise"])
f"the price of epsilon 1: {price.gap:+.1f} ± {price.error:.1f} points. {price.verdict}"

# %% [markdown]
# Digits has few images, so that each is in many batches, and privacy is dear. Among more images each is seen less often, and less noise is
# enough. And $\varepsilon$ is *spent*, update by update; what counts is what was really made, also of a run that was broken off. From the losses
# of the run, and by the **accountant** (the sum of what noisy gradients cost, from $q$, $\sigma$ and their number) for other plans:

# %%
from ddkit.methods.private.accountant import rdp_epsilon, rdp_sigma

spent = private["epsilon 10"][0].origin["privacy"]
on_the_way = [losses["epsilon"] for losses in private["epsilon 10"][2]]
for steps in (1, 10, 30, 60):
    counted = rdp_epsilon(spent["q"], spent["sigma"], steps, spent["delta"])
    assert abs(counted - on_the_way[steps - 1]) < 1e-9
    print(f"after {steps:2} noisy gradients: epsilon {counted:.2f}")
more = rdp_epsilon(spent["q"], spent["sigma"], 600, spent["delta"])
print(f"ten times as many at the same noise would cost {more:.1f}")
fewer = rdp_sigma(1.0, spent["q"] / 40, 60, spent["delta"])
here = private["epsilon 1"][0].origin["privacy"]["sigma"]
assert fewer < here
f"epsilon 1 with forty times as many images, and batches as large as here: sigma {fewer:.2f} in place of {here:.2f}"

# %% [markdown]
# **Predict** why the first noisy gradient is so much dearer than the others. (The share $\delta$ has to be paid once.)
#
# ### What epsilon does not mean
#
# * It protects whether *one image* is in the data. What is true of the class as a whole is what the set is for, and no secret.
# * It is of **one run**. Every other run on the same data adds its own, trials of rates included: the rates of this lesson were found by several
#   runs, each of which a real publication would have to pay for.
# * The mean and standard deviation by which images are normalised are taken as known, and so is the number of images.
# * With the noise of a known seed anybody can take it away again. This lesson's seed is printed in its source: its sets are
#   *exercises*, not private. The knob `noise="secret"` draws it from a number that nobody is told.
# * A set without an $\varepsilon$ is not thereby leaking, and one that looks like noise is not thereby private. How much a set really tells can be
#   attacked and measured: `python -m ddkit membership` does so.

# %%
for said in presets.departures("private", "course")[2:]:
    lesson.say(f"- {said}")

# %% [markdown]
# ## On MNIST, in a quarter of an hour
#
# All of the above was small. What do these methods make of 54,000 real digits, in at most a quarter of an hour of two processor cores? The sets
# come with ddkit, and so do their scores: five networks each, but for recipes that bring their own start, which leaves one network to be had. **LinBa** is
# RTP on images that are sums of shared bases (lesson 11); **GTN** (Such et al., 2020) decodes its images from codes, and minds the real loss after every
# step. **FTD** (Du et al., 2023) and **HaBa** (Liu et al., 2022) are lesson 6's trajectory matching: along experts that were trained to lie flat, and with images
# that small programs make out of shared ones.
#
# **Predict** two numbers before you look: DD with a fixed start, ten images, as prescribed; and the same ten images as an ordinary set.

# %%
from ddkit.applications.quarter_hour import report

hour = report.told()
missing = "no record is at hand: they come with a checkout of ddkit, and are reloaded unless DDKIT_REFERENCE is 0"
lesson.table(report.table(hour, "github")) if hour else print(missing)

# %%
for line in report.verdicts(hour):
    lesson.say(f"- {line}")
for one in hour.values():
    for other, lead in one.leads().items():
        ahead = f"{lead.gap:+.1f} ± {lead.error:.1f} points from {other}"
        lesson.say(f"- {one.title}, as an ordinary set: {ahead}. {lead.verdict}")

# %% [markdown]
# Read the columns as before, but mind that they are of two networks (the last note): what lies between them is not the recipe alone. A recipe
# with its own start needs three steps and ten images, and is a key to one network: what the same images give anybody else is the column beside
# it. The aims were set before anything had been run, from what papers print for more time; what missed its aim says in what its setting falls
# short of the paper's. A form's start is near to as many real images as it decodes to, and may be most of the score: an aim that the start
# reaches, too, says nothing of what was learned. (Rates of HaBa were not compared with others, either. LD was run for longer after the test
# score of a shorter run, 80.8 %, had been seen.)

# %%
seconds = time.process_time() - begun
f"all cells of this lesson took {seconds:.0f} s of one processor core, here and now"

# %% [markdown]
# ## What you should take away
#
# * To differentiate through training is the chain rule, walked back step by step; it needs the visited weights and one step's graph.
# * A window loses what is learned slowly and what the first steps taught, in direction and not only in length; whether a score notices is
#   another question.
# * A set is made for a distribution of starts. For one start it may be perfect, and worth little elsewhere.
# * A recipe and a data set have two scores. Say which one you print.
# * Learned labels have to beat true ones, not the labels that they began as.
# * Epsilon bounds what a run tells of one image. It is spent by what was made, adds up over runs, and is only as good as its assumptions.
#
# **Questions to yourself**
#
# 1. In $\partial L / \partial X$, which term would teach an image to repair weights that have already learned something wrong?
# 2. Multiply all of SLDD's labels by two and halve its rates: what changes? What of the rates could be left out, then, and what could not?
# 3. What would a window at the *beginning* of the training give, with the real loss at the window's end?
# 4. The fixed start's recipe scored so high after three steps. How would you find out whether it only works on digits like these?
# 5. Ridge regression solves for the classifier in one go. Which of this lesson's windows is that, in effect?
# 6. Somebody chooses the best of ten private sets on private validation images. What has to be added to epsilon?
# 7. Which of the numbers above would you expect to change most on MNIST, and in which direction?
#
# **Go further.** Give `walked_back` momentum, and check it with `Rule(rates, momentum)`. Score the windows at equal seconds. Learn five
# images for ten digits (`sldd_fixed_course` with `images=5`): what do their labels say? Distil on MLPs and score a
# ConvNet as prescribed: what is a recipe worth on another network?
