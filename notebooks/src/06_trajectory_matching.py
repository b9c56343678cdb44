# %% [markdown]
# # 6 · Trajectory matching: MTT, DATM and PAD
#
# - **Course part:** {PART}. A pair does half of question 2a here and half in lesson 7.
# - **You will learn** what an expert trajectory is, how a loss between *weights* moves *images*, how the gradient
#   through many steps is had in little memory, what DATM and PAD change, and how to compare two methods without fooling
#   yourself.
# - **Before you start:** lessons 1 to 4.
# - **Time:** two hours with its exercises. If no result came with the repository, experts, distillations and evaluations
#   keep one processor core busy for more than an hour in the laptop profile; training wide networks took a GPU some six
#   minutes and takes a core hours. A few small runs are made live in any case, in a minute or two.

# %% shared="colab"

# %%
import statistics
from itertools import pairwise

import ddkit  # before torch, whose threads it asks to share the processor
import torch
from ddkit import exercises, plots
from ddkit.course import lesson
from ddkit.methods import presets
from ddkit.plots import experts as expert_plots, tables
from tabulate import tabulate

profile = lesson.begin()
data = ddkit.load(profile.dataset)

# %% [markdown]
# ## The idea
#
# DataDAM (lesson 2) asks that synthetic images *look* like real ones to a network. Trajectory matching (MTT,
# Cazenavette et al., CVPR 2022) asks that they *teach* like real ones. It takes two stages:
#
# 1. Train ordinary networks on the full data and write their weights down after every epoch. Such a network is called
#    an **expert**, and the list of its weights $\theta^*_0, \theta^*_1, \theta^*_2, \dots$ its **trajectory**: a path
#    through the space of weights.
# 2. Put a **student** where an expert once stood, let it make a few steps on the synthetic images, and see whether it
#    arrives where the expert arrived after whole epochs of real ones. If it does not, change the images.
#
# So the question put to an image is no longer "what does a network see in you?" but "which way do you push it?". That
# is closer to what we want (a network *trained* on the images should be good), and dearer: experts must be trained and
# stored, and the gradient has to pass through the student's training. On the sheet's map of families this is b,
# gradient and trajectory matching; DataDAM is c.
#
# ## Stage 1: experts
#
# **Predict:** between which epochs does an expert move furthest? And where does it learn most?
#
# The first line below names the run of this lesson. Part "Both filters" asks you to change it.

# %%
spec = profile.match_trajectories("pad")
experts_run = lesson.told(ddkit.run(spec.experts))
experts = experts_run.trajectories
expert_plots.expert_curves(experts)

# %%
weights = torch.stack([experts.weights(0, epoch) for epoch in range(spec.config.expert_epochs + 1)])
moves = weights.diff(dim=0).norm(dim=1)
assert not experts_run.shipped or moves.equal(moves.sort(descending=True).values), "each epoch's way is a shorter one"
print(f"{weights.shape[1]:,} weights; {experts_run.result['bytes'] / 2**20:.1f} MiB for all snapshots of "
      f"{spec.config.experts} experts")
print("distance from one epoch to the next:", [round(float(move), 2) for move in moves])
f"the first epoch makes {100 * float(moves[0] / moves.sum()):.0f} % of the way"

# %% [markdown]
# **Think:** early pieces of the path are long and say what all digits have in common; late ones are short and say what
# is left to learn. Which would you match with one image per class, and which with fifty?
#
# ## Filter 1: easy and hard images
#
# **PAD** (Li et al. 2024, "Prioritize Alignment in Dataset Distillation") is the method of this task. It says that the
# experts learn things that a few synthetic images cannot hold, and filters twice. The first filter concerns the
# experts' data: images are sorted by difficulty, and an expert does not see all of them in every epoch.
#
# The difficulty is **EL2N** (error L2-norm; Paul, Ganguli and Dziugaite, NeurIPS 2021): after an epoch of training, how
# long is the vector between what the network says and the one-hot label $y$,
#
# $$\mathrm{EL2N}(x, y) = \lVert \mathrm{softmax}(f(x)) - y \rVert_2,$$
#
# averaged over several networks. It is 0 for an image that is known for certain and $\sqrt 2$ for one that is certainly
# mistaken.
#
# {MARK el2n}
#
# **Exercise.** Write EL2N for one network's logits.

# %% exercise="el2n"
def my_el2n(logits, labels):
    """[n, classes], [n] -> [n]: the length of each image's error vector."""
    ### BEGIN SOLUTION
    onehot = torch.nn.functional.one_hot(labels, logits.shape[1])
    return (logits.softmax(dim=1) - onehot).square().sum(dim=1).sqrt()
    ### END SOLUTION


# %% check="el2n"
exercises.check("el2n", my_el2n)
### BEGIN HIDDEN TESTS
_found = torch.as_tensor(my_el2n(torch.tensor([[99.0, 0.0], [99.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1, 1])))
assert ((_found - torch.tensor([0, 2**0.5, 0.5**0.5])).abs() < 1e-5).all(), "certain, mistaken, undecided"
### END HIDDEN TESTS

# %% [markdown]
# **Predict:** what will the hardest digits look like?

# %%
expert_plots.difficulty(data, experts)

# %% [markdown]
# **Think:** which of the hardest would you have labelled otherwise? Would you want them in ten images of a class?
#
# PAD's schedule for experts of 100 epochs: in epoch 0 the easiest 75 %, growing evenly until in epoch 20 all are seen;
# from epoch 40 on the easiest 10 % are left out, from epoch 60 on the easiest 20 %, because they have nothing left to
# teach.
#
# {MARK subset}
#
# **Exercise.** Write the schedule. `easiest_first` holds the numbers of all images, sorted by difficulty.

# %% exercise="subset"
def my_subset(easiest_first, epoch):
    """[N] -> [n]: the numbers of the images that an expert of 100 epochs sees in ``epoch`` (from 0)."""
    ### BEGIN SOLUTION
    images = len(easiest_first)
    share = min(1.0, 0.75 + 0.25 * epoch / 20)
    dropped = 0.0 if epoch < 40 else 0.1 if epoch < 60 else 0.2
    return easiest_first[round(dropped * images) : round(share * images)]
    ### END SOLUTION


# %% check="subset"
exercises.check("subset", my_subset)
### BEGIN HIDDEN TESTS
_order = torch.arange(200).flip(0)
_seen = {_epoch: torch.as_tensor(my_subset(_order, _epoch)).tolist() for _epoch in (0, 12, 20, 39, 40, 60)}
assert [len(_images) for _images in _seen.values()] == [150, 180, 200, 200, 180, 160]
assert set(_seen[0]) == set(range(50, 200)) and set(_seen[60]) == set(range(160)), "the easiest is 199"
### END HIDDEN TESTS

# %% [markdown]
# The experts of this profile are shorter, so the package stretches the schedule to their length. What did they see?

# %%
from ddkit.training.difficulty import subset

easiest_first, length = experts.difficulty[0], spec.config.expert_epochs
assert length < 100
seen = [len(subset(easiest_first, epoch, length)) / len(easiest_first) for epoch in range(length)]
assert seen[0] == min(seen[: length // 2]) and max(seen) == 1 and seen[-1] < 1, "it grows, and is cut"
print("share of the images seen, by epoch:", [f"{100 * share:.0f} %" for share in seen])

# %% [markdown]
# ## Stage 2: the loss between weights
#
# The student starts from the expert's weights $\theta^*_t$ and makes $N$ steps on the synthetic set $S$. How far is it
# from where the expert was $M$ epochs later, relative to how far it had to go?
#
# $$L = \frac{\lVert \theta_N - \theta^*_{t+M} \rVert^2}{\lVert \theta^*_t - \theta^*_{t+M} \rVert^2}, \qquad
# \theta_0 = \theta^*_t, \quad \theta_{i+1} = \theta_i - \alpha \nabla_\theta \mathrm{CE}(\theta_i; S).$$
#
# $\alpha$ is the student's learning rate, which is learned along with the images; CE is the cross-entropy. The division
# makes pieces comparable: without it, the long first epochs would drown all others.
#
# {MARK trajectory-loss}
#
# **Exercise.** Write $L$. **Predict** first: its value for a student that did not move, for one that arrived, and for
# one that is half-way there.

# %% exercise="trajectory-loss"
def my_trajectory_loss(student, start, target):
    """Three flat weight vectors [P] -> a scalar."""
    ### BEGIN SOLUTION
    return (student - target).square().sum() / (start - target).square().sum()
    ### END SOLUTION


# %% check="trajectory-loss"
exercises.check("trajectory-loss", my_trajectory_loss)
### BEGIN HIDDEN TESTS
_start, _target = torch.zeros(3), torch.tensor([2.0, 0.0, -4.0])
assert abs(float(my_trajectory_loss(_start, _start, _target)) - 1) < 1e-6
assert abs(float(my_trajectory_loss(_target, _start, _target))) < 1e-6
assert abs(float(my_trajectory_loss(_target / 2, _start, _target)) - 0.25) < 1e-6
### END HIDDEN TESTS

# %% [markdown]
# ## Through the student's steps
#
# How do the images enter $L$? Through every one of the student's steps: each step's gradient is a function of the
# images *and* of the weights it is taken at, which depend on the images through the steps before. To differentiate
# through all of it is called **unrolling**: the loop is written out as one long formula. We need the gradient of a
# gradient, and `torch.autograd.grad(..., create_graph=True)` keeps what is needed for it.
#
# The weights are one flat vector here, so the network is called as a function of them:
# `torch.func.functional_call(network, named, (images,))`, where `named` is a dict of the vector's parts in the shapes
# of `network.named_parameters()`.
#
# {MARK student}
#
# **Exercise.** Write the student. Two things can be wrong, and the check looks at both: where it arrives, and the
# gradient of that in the images. A student with the right weights and no way back to the images distils nothing.

# %% exercise="student"
def my_student(network, weights, images, labels, rate, steps):
    """Flat weights [P] after some steps of SGD, each on all images; differentiable in the images [n, C, H, W]."""
    ### BEGIN SOLUTION
    shapes = {name: weight.shape for name, weight in network.named_parameters()}
    for _ in range(steps):
        parts = weights.split([shape.numel() for shape in shapes.values()])
        named = {name: part.view(shapes[name]) for name, part in zip(shapes, parts, strict=True)}
        answers = torch.func.functional_call(network, named, (images,))
        error = torch.nn.functional.cross_entropy(answers, labels)
        (gradient,) = torch.autograd.grad(error, weights, create_graph=True)
        weights = weights - rate * gradient
    return weights
    ### END SOLUTION


# %% check="student"
exercises.check("student", my_student)
### BEGIN HIDDEN TESTS
_x = torch.ones(1, 1, requires_grad=True)  # one image of one pixel, two classes, weights zero: p = (1/2, 1/2)
_end = my_student(torch.nn.Linear(1, 2, bias=False), torch.zeros(2, requires_grad=True), _x, torch.tensor([0]), 1.0, 1)
assert ((_end - torch.tensor([0.5, -0.5])).abs() < 1e-6).all(), "w = (x / 2, -x / 2)"
assert abs(float(torch.autograd.grad(_end[0], _x)[0]) - 0.5) < 1e-6, "so dw / dx = 1/2"
### END HIDDEN TESTS

# %% [markdown]
# Now with an expert and ten digits: three steps, and what they ask of the images. (From here on the package's
# functions.)

# %%
from ddkit.methods.matching.student import Batch, Student, stepwise, unrolled
from ddkit.methods.matching.trajectory import Segment

network, piece = experts.network(0, 0, data), Segment(experts.weights(0, 0), experts.weights(0, 1))
ten = torch.stack([data.train.of_class(c)[0] for c in range(10)])


def asked(how, steps):
    """Loss and gradients for a student of so many steps on ten digits."""
    return how(Student(network), ten, torch.arange(10), torch.tensor(0.05), [Batch(torch.arange(10))] * steps, piece)


three = asked(unrolled, 3)
assert three.images.shape == ten.shape and three.images.abs().sum() > 0
f"loss {three.loss:.4f}; the gradient has the images' shape, {list(three.images.shape)}"

# %% [markdown]
# ## The same gradient in little memory
#
# The graph of all $N$ steps must be in memory at once, and $N$ is 80 in DATM's settings. **TESLA** (Cui et al., ICML
# 2023) makes the steps without a graph, and then goes through them again one at a time. Write $g_i$ for the gradient of
# step $i$, and $\lambda = \partial L / \partial \theta_{i+1}$ for what the loss asks of the weights after it. Then step
# $i$ contributes to the images' gradient
#
# $$-\alpha\, \frac{\partial (\lambda^\top g_i)}{\partial S}, \qquad \text{and hands on} \qquad
# \frac{\partial L}{\partial \theta_i} = \lambda - \alpha\, \frac{\partial (\lambda^\top g_i)}{\partial \theta_i}.$$
#
# ddkit goes from the last step to the first and carries $\lambda$ along. TESLA itself leaves the second formula out and
# keeps $\lambda$ as it is, as if a step's weights did not depend on the images of the steps before.
#
# **Predict:** will unrolled and stepwise agree exactly, or roughly? And what does autograd keep for 1, 5 and 10 steps?

# %%
again = asked(stepwise, 3)
torch.testing.assert_close(again.images, three.images, rtol=1e-3, atol=1e-6)
f"largest difference {(three.images - again.images).abs().max():.1e} of {three.images.abs().max():.1e}"

# %%
def kept(how, steps):
    """Most bytes that autograd holds at a time, in MiB."""
    held = {}

    def pack(tensor):
        held[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        asked(how, steps)
    return sum(held.values()) / 2**20


unrolled_mib = {steps: round(kept(unrolled, steps), 1) for steps in (1, 5, 10)}
assert unrolled_mib[1] < unrolled_mib[5] < unrolled_mib[10]
print("MiB kept for a graph of that many steps:", unrolled_mib, "- stepwise needs one step's at a time")

# %% [markdown]
# ## What DATM and PAD change
#
# * **DATM** (Guo et al., ICLR 2024) matches early pieces of the trajectories for few images and later ones for many,
#   and lets the range of start epochs grow while it distils. It starts from real images that an expert classifies
#   correctly, and learns **soft labels**: instead of "this is a 4", ten numbers whose softmax is a distribution, such
#   as "mostly 4, a little 9". They begin as the experts' logits.
# * **PAD** adds its two filters. The second one concerns the loss: **the first share of the flat weight vector, which
#   belongs to the shallow layers, is left out**, above and below the fraction. The paper's reason: shallow layers learn
#   edges and strokes that a handful of images need not hold; deep ones carry the classes.
#
# **Predict:** if half of all weights is left out, which of the network's layers still count?

# %%
def counted(share):
    """How many weights each layer has, and how many of them count if the first ``share`` of all is left out."""
    found, at, first = {}, 0, int(share * weights.shape[1])
    for name, tensor in network.named_parameters():
        layer = f"block {int(name.split('.')[1]) + 1}" if name.startswith("blocks") else "classifier"
        total, kept_here = found.get(layer, (0, 0))
        inside = max(0, at + tensor.numel() - max(first, at))
        found[layer], at = (total + tensor.numel(), kept_here + inside), at + tensor.numel()
    return found


everything, parts = counted(0.0), {f"counted, left_out {share}": counted(share) for share in (0.0, 0.25, 0.5)}
layer_rows = [(layer, f"{total:,}", *(f"{100 * part[layer][1] / total:.0f} %" for part in parts.values()))
              for layer, (total, _) in everything.items()]
lesson.table(tabulate(layer_rows, ("layer", "weights", *parts), "github"))

# %%
expert_plots.matched_epochs(spec.config)

# %%
lesson.say(*presets.departures("trajectory", "pad"))
lesson.say(f"the {profile.name} profile replaces: " + ", ".join(f"{name} {value}" for name, value in spec.options))

# %%
lesson.table(tables.knobs(spec.config, "github"))

# %% [markdown]
# ## Distil
#
# **Predict:** will the images look more or less like digits than DataDAM's? Will the loss fall?

# %%
pad = lesson.told(ddkit.run(spec))
skipped = sum(step["skipped"] for step in pad.result["losses"])
assert pad.result["moved"] > 0
print(f"{pad.updates} updates moved the images by {pad.result['moved']:.1f}")
print(f"{skipped:.0f} were skipped, whose loss was above {spec.config.threshold}; "
      f"the learning rate {spec.config.rate} became {pad.synthetic.learning_rate:.3f}")

# %%
from ddkit.exercises.lessons.trajectories import filters

by_difficulty, by_depth = filters(spec)
print(f"filter 1, the experts' data by difficulty: {'on' if by_difficulty else 'off'}")
print(f"filter 2, the loss by depth: {'on' if by_depth else 'OFF'} (left_out {spec.config.left_out})")

# %% [markdown]
# Take note of the second line. The run that comes with ddkit has `left_out` 0: it is **DATM with PAD's experts**, and
# only half of PAD. Part "Both filters" below turns the other half on.

# %%
plots.loss_curve({f"PAD, {profile.dataset}": pad})

# %% [markdown]
# Does it fall? Do not trust your eyes on a curve that jumps; cut it into pieces and give each mean its error:

# %%
losses = torch.tensor([step["loss"] for step in pad.result["losses"]])
pieces = losses.tensor_split(7)
errors = [float(part.std() / len(part) ** 0.5) for part in pieces]
told = ", ".join(f"{part.mean():.3f} ± {se:.3f}" for part, se in zip(pieces, errors, strict=True))
lesson.say(f"mean loss of every {len(pieces[-1])} updates: {told}")
rises = sum(bool(later.mean() > earlier.mean()) for earlier, later in pairwise(pieces))
print(f"from the first piece to the last: {pieces[-1].mean() - pieces[0].mean():+.3f} ± "
      f"{(errors[0] ** 2 + errors[-1] ** 2) ** 0.5:.3f}; from one to the next it rises "
      f"in {rises} of {len(pieces) - 1} cases" + ": no steady fall" * bool(rises))

# %% [markdown]
# A value of this curve is the answer of one expert, at one epoch, to one draw of batches; and while the run goes on,
# later epochs are asked for, which may be harder. (Lesson 2 had the same trap.) So ask *one* set of questions twice: a
# student on the distilled images and one on the images they started from, from the same weights, in the same order, at
# the same learning rate.

# %%
from ddkit.stored.following import Following, Place
from ddkit.training.leads import Lead

following = Following(experts_run, pad, data)


def left(side, epoch):
    """Loss of a student of each expert on a side's images, from that epoch on."""
    return [following.path(side, Place(expert, epoch, spec.config.expert_span, spec.config.student_steps)).losses[-1]
            for expert in range(spec.config.experts)]


starts = sorted({0, 1, spec.config.last_start, spec.config.final_start})
before, after = ({epoch: left(side, epoch) for epoch in starts} for side in ("start", "method"))

# %%
gains = {epoch: Lead.of(*(dict(enumerate(side[epoch])) for side in (before, after)), paired=True)
         for epoch in starts}  # of pairs of the same expert
gain_rows = [(epoch, f"{statistics.fmean(before[epoch]):.3f}", f"{statistics.fmean(after[epoch]):.3f}",
              f"{gain.gap:+.3f} ± {gain.error:.3f}", gain.seeds[0]) for epoch, gain in gains.items()]
lesson.table(tabulate(gain_rows, ("start epoch", "on the start images", "on PAD's", "gain", "experts"), "github"))

# %%
mean_gain = {epoch: gain.gap for epoch, gain in gains.items()}
least, most = min(mean_gain, key=mean_gain.get), max(mean_gain, key=mean_gain.get)
clear = [epoch for epoch, gain in gains.items() if gain.told_apart and gain.gap > 0]
print(f"a gain that these few experts tell apart from chance at {len(clear)} of {len(starts)} start epochs: {clear}")
assert not pad.shipped or (least == 0 and min(mean_gain.values()) > 0 and clear)
print(f"the least at start epoch {least} ({mean_gain[least]:+.3f}), the most at {most} ({mean_gain[most]:+.3f})")

# %% [markdown]
# That is what was learned, whatever the curve shows. Keep in mind *where* along the trajectory it was learned: a
# protocol that trains for a few steps from fresh weights only ever sees the beginning. (A loss above 1 means: the
# student ended further from the target than it began. The learning rate is the one learned with PAD's images, which
# need not suit their start.)
#
# Now look at them:

# %%
plots.image_grid(pad.synthetic, title=f"Distilled with PAD ({profile.label})")

# %%
plots.evolution(pad, title=f"One image per class during distillation with PAD, {profile.dataset}")

# %% [markdown]
# The path of one student beside its expert's, in a plane of the weights. Move the start epoch and the number of steps:

# %%
from ddkit.widgets.trajectory_map import TrajectoryMap

paths = TrajectoryMap({"PAD": pad}, experts_run, data)
paths

# %%
paths.figure()

# %% [markdown]
# The labels were learned as well. How sure is each of its own class?

# %%
sure = [soft.softmax(1).max(1).values.mean().item() for soft in (pad.synthetic.start_labels, pad.synthetic.labels)]
print(f"mean probability of the likeliest class: {sure[0]:.3f} at the start, {sure[1]:.3f} at the end; the labels "
      f"became {'surer' if sure[1] > sure[0] else 'softer'}")

# %% [markdown]
# ## Both filters
#
# First in small, live: handwritten digits of 8 × 8 pixels, the sizes of the quick profile, the same experts and draws,
# once with every weight counted and once with the shallow half left out.
#
# **Predict:** where will students be nearer to the target with the filter on: in the shallow half of the weights, or in
# the deep one?

# %%
from ddkit.course import profiles

small, little = profiles.profile("quick"), ddkit.load("digits")
tiny = {share: small.match_trajectories("pad", left_out=share) for share in (0.0, 0.5)}
assert [filters(one) for one in tiny.values()] == [(True, False), (True, True)]
assert tiny[0.0].experts == tiny[0.5].experts and tiny[0.0].config.experts == 2, "both match the same two"
made = {share: lesson.told(ddkit.run(one)) for share, one in tiny.items()}

# %%
from ddkit.methods.matching.trajectory import trajectory_loss


def halves(share, draws=2):
    """What students on that set leave of the way, in the shallow and in the deep half of the weights: [students, 2]."""
    config, follow = tiny[share].config, Following(ddkit.run(tiny[share].experts), made[share], little)
    found = []
    for expert in range(config.experts):
        for epoch in range(config.final_start + 1):
            for draw in range(draws):
                place = Place(expert, epoch, config.expert_span, config.student_steps, draw)
                ends = (follow.snapshots(expert)[e] for e in (epoch, epoch + config.expert_span))
                triple = (follow.path("method", place).weights[-1], *ends)
                found.append([float(trajectory_loss(*half)) for half in zip(*(w.tensor_split(2) for w in triple),
                                                                            strict=True)])
    return torch.tensor(found)


all_count, deep_counts = halves(0.0), halves(0.5)

# %%
change = deep_counts - all_count
for half, name in enumerate(("shallow", "deep")):
    gap, se = float(change[:, half].mean()), float(change[:, half].std()) / len(change) ** 0.5
    without, with_it = (float(found[:, half].mean()) for found in (all_count, deep_counts))
    print(f"{name} half: {without:.4f} without the filter, {with_it:.4f} with it: "
          f"{gap:+.4f} ± {se:.4f} (n={len(change)} students, {abs(gap) / se:.1f} standard errors)")

# %% [markdown]
# A plus sign says that with the filter more is left to go. (The students share two experts, so they are less
# independent than the errors pretend.) That is what the filter *does*; whether it *helps* is another question, and the
# answer is a test accuracy:

# %%
judged = {f"left_out {share}": ddkit.run(small.evaluate(one, "assignment")) for share, one in tiny.items()}
assert {record.updates for record in made.values()} == {20} and {len(r.scores.runs) for r in judged.values()} == {2}
lesson.table(tables.leads(judged, "left_out 0.0", "github"))

# %% [markdown]
# So few updates (twenty) on toy images, and two seeds, decide nothing; the run that counts is yours.
#
# {MARK both-filters}
#
# **Exercise.** Make experts and a PAD of your own with both filters on. One line does it, the first of "Stage 1":
#
#     spec = profile.match_trajectories("pad", left_out=0.5)
#
# Start Jupyter with `DDKIT_REFERENCE=0` (lesson 1 says how), change that line, and run the lesson again: all that
# follows takes your run. What makes the *first* filter act is not an option but length: experts must be matched up to
# epochs in which the easiest images are dropped. The check asks for both. (The assignment wants this on MNIST or MHIST:
# the quick profile's digits are practice.) The price, as measured for the records at hand:

# %%
print(f"experts {experts_run.seconds / 60:.0f} minutes, {pad.updates} updates {pad.seconds / 60:.0f} minutes by the "
      "clock;\nwith left_out the experts are the same, and a student makes as many steps")

# %% check="both-filters"
exercises.made("both-filters", (experts_run, pad) if all(filters(spec)) else None)

# %% [markdown]
# The laptop profile leaves the second filter off for a reason that its source states: with these short experts, images
# matched on the deep half alone came out worse than their start under the standard protocol, on validation data. No
# record of that came with ddkit, so do not take its word: that is what your run is for. A filter that hurts at one scale
# may help at another, and both are findings.
#
# ## Comparison with Task 1
#
# The same networks, seeds and protocols for all: PAD; its own **start** (real images that the experts chose, with
# labels of theirs); attention matching from lesson 2; and random real images. The last protocol also takes the learning
# rate that was learned with the set, which only PAD's set has.
#
# {MARK compared}
#
# **Predict:** who wins under the assignment's protocol (20 epochs), and who under the standard one?

# %%
from ddkit.course import trajectories as trajectory_course

groups = {protocol: trajectory_course.scores(profile, protocol, pad=spec)
          for protocol in ("assignment", "standard", "learned")}
lesson.scores(groups["assignment"])

# %%
lesson.scores(groups["standard"])

# %% check="compared"
exercises.made("compared", groups)

# %%
plots.bars({name: {n: r.scores for n, r in row.items()} for name, row in groups.items()},
           groups["standard"]["PAD"].result["chance"])

# %% [markdown]
# {MARK leads}
#
# **Exercise.** A mean alone is no finding. Write the lead of one set over another in **points** (hundredths) with its
# standard error, under each protocol. The error of a mean of $n$ networks is $s / \sqrt n$, with the sample standard
# deviation $s$ (divide by $n - 1$); of a difference, the root of the sum of both squared errors.

# %% exercise="leads"
def my_leads(accuracies, first, second):
    """{protocol: {set: [accuracy of each seed, in [0, 1]]}} -> {protocol: (points, standard error in points)}."""
    ### BEGIN SOLUTION
    found = {}
    for protocol, sets in accuracies.items():
        one, other = sets[first], sets[second]
        squared = sum(statistics.variance(values) / len(values) for values in (one, other))
        found[protocol] = (100 * (statistics.fmean(one) - statistics.fmean(other)), 100 * squared**0.5)
    return found
    ### END SOLUTION


# %% check="leads"
exercises.check("leads", my_leads)
### BEGIN HIDDEN TESTS
_points, _error = my_leads({"x": {"a": [0.5, 0.7], "b": [0.4, 0.4]}}, "a", "b")["x"]
assert abs(_points - 20) < 1e-3 and abs(_error - 10) < 1e-3
### END HIDDEN TESTS

# %%
from ddkit.exercises.lessons.comparing import leads

accuracies = {protocol: {name: record.scores.values for name, record in groups[protocol].items()}
              for protocol in ("assignment", "standard")}


def told_lead(points, se):
    """A lead of PAD's in words."""
    errors = f" ({points / se:+.1f} standard errors)" if se else ""  # where no network differs from another
    return f"PAD is {abs(points):.1f} ± {se:.1f} points{errors} {'above' if points > 0 else 'below'}"


for name in ("PAD's start", "DataDAM", "random real"):
    for protocol, lead in leads(accuracies, "PAD", name).items():
        print(f"{protocol}: {told_lead(*lead)} {name}, n={len(accuracies[protocol][name])} networks each")

# %% [markdown]
# Two standard errors are a habit, not a proof: with so few seeds, equals lead by as much now and then. The package's
# table counts that in its last column (Student's t). It says how far the *others* are above PAD:

# %%
lesson.table(tables.leads(groups["assignment"], "PAD", "github"))

# %%
lesson.table(tables.leads(groups["standard"], "PAD", "github"))

# %%
among = {name: groups["standard"][name] for name in ("DataDAM", "random real")}
lesson.table(tables.leads({"PAD at its learned rate": groups["learned"]["PAD"], **among}, "DataDAM", "github"))

# %% [markdown]
# **Think:** hold the first table against what you saw of the start epochs. How many updates does a network get under
# the assignment's protocol, and which piece of a trajectory is that? And is it fair to DataDAM to give PAD a learning
# rate of its own?
#
# The same in pictures: PAD's set and its start; then choose DataDAM's as the second. This dashboard pairs seeds that
# begin from the same weights, so its errors are not those above:

# %%
from ddkit.widgets.is_it_real import IsItReal

verdict = IsItReal(chosen={"data": profile.dataset, "protocol": "assignment"})
for side, begins in ((verdict.first, "trajectory pad"), (verdict.second, "start of trajectory pad")):
    side.menus["set"].value = next(name for name, _ in side.menus["set"].options if name.startswith(begins))
verdict

# %%
verdict.figure()

# %% [markdown]
# {MARK table-and-figure}
#
# **Exercise.** Make one table and one figure that put PAD beside Task 1's method, from `accuracies`: a row for each set
# with its name, n, and under each protocol mean and standard error in %; and a figure of the same means, with these
# errors as error bars, in which every set, every protocol and the unit are named. `Picture` is a matplotlib `Figure`
# that shows itself. (Give each protocol axes of its own, or nobody sees a difference.)

# %% exercise="table-and-figure"
from ddkit.plots.style import Picture


def my_table_and_figure(accuracies):
    """{protocol: {set: [accuracy of each seed]}} -> rows [set, n, mean, error, mean, error], a Picture."""
    ### BEGIN SOLUTION
    figure, names = Picture(figsize=(9, 3.4), layout="constrained"), list(accuracies["standard"])
    rows = [[name, len(accuracies["standard"][name])] for name in names]
    for axes, (protocol, sets) in zip(figure.subplots(1, len(accuracies)), accuracies.items(), strict=True):
        means = [100 * statistics.fmean(sets[name]) for name in names]
        errors = [100 * statistics.stdev(sets[name]) / len(sets[name]) ** 0.5 for name in names]
        for row, mean, se in zip(rows, means, errors, strict=True):
            row += [mean, se]
        axes.errorbar(range(len(names)), means, errors, fmt="o", capsize=4)
        axes.set_xticks(range(len(names)), names)
        axes.margins(x=0.2)
        axes.set(title=protocol, ylabel="test accuracy (%)")
    return rows, figure
    ### END SOLUTION


# %% check="table-and-figure"
exercises.check("table-and-figure", my_table_and_figure)
### BEGIN HIDDEN TESTS
_rows, _figure = my_table_and_figure({"assignment": {"a": [0.5, 0.7]}, "standard": {"a": [0.9, 0.9]}})
assert list(_rows[0][:2]) == ["a", 2]
assert all(abs(x - y) < 1e-3 for x, y in zip(_rows[0][2:], (60, 10, 90, 0), strict=True))
### END HIDDEN TESTS

# %%
from ddkit.exercises.lessons.comparing import table_and_figure

compared_rows, compared_figure = table_and_figure(accuracies)
columns = [f"{protocol}, {what} (%)" for protocol in accuracies for what in ("mean", "standard error")]
lesson.table(tabulate(compared_rows, ("set", "n", *columns), "github", floatfmt=".2f"))

# %%
compared_figure

# %% [markdown]
# ### One image per class
#
# PAD with a single image per class, at the settings for ten. **Predict:** is the order the same as with ten?

# %%
single = trajectory_course.scores(profile, "standard", 1)
lesson.table(tables.leads(single, "PAD", "github"))

# %% [markdown]
# ### Generalisation
#
# Trajectories are made of one network's weights. Do the images serve another one? A multilayer perceptron and LeNet,
# trained here and now on each set, for the updates that the table's heading says:

# %%
sets = {"PAD": spec, "DataDAM": profile.distill("real"), "random real": profile.random()}
elsewhere = {name: {to: ddkit.run(profile.transfer(source, to)) for to in ("MLP", "LeNet")}
             for name, source in sets.items()}
lesson.table(tables.transfer(elsewhere, "github"))

# %%
for to in ("MLP", "LeNet"):
    there = {to: {name: row[to].scores.values for name, row in elsewhere.items()}}
    for name in ("DataDAM", "random real"):
        print(f"{to}: {told_lead(*leads(there, 'PAD', name)[to])} {name}, n={len(there[to][name])} networks each")

# %% [markdown]
# And networks of width 128, as in the papers (in the quick profile, its own again). **Predict:** will the learning rate that
# suited a narrow network suit a wide one?

# %%
wide = {protocol: trajectory_course.scores(profile, protocol, wide=True, pad=spec)
        for protocol in ("standard", "learned")}
networks = len(wide["standard"]["PAD"].scores.runs)
print(f"networks of width {profile.wide}, {networks} of them each"
      + ": too few to tell small leads apart, so read these as a hint" * (networks < 5))
lesson.table(tables.leads(wide["standard"] | {"PAD at its learned rate": wide["learned"]["PAD"]}, "PAD", "github"))

# %% [markdown]
# ### Recognisability
#
# DataDAM's images beside PAD's above. In numbers: how many of them do the experts, trained on real digits to the end of
# their trajectories, take for what they are meant to be? (PAD's start was chosen to be recognised by one of these
# experts, and PAD's images were made before their eyes, so they have an advantage here that is not the reader's.)

# %%
datadam = ddkit.run(profile.distill("real"))
plots.image_grid(datadam.synthetic, title=f"Distilled with DataDAM ({profile.label})")

# %%
last = [experts.network(i, spec.config.expert_epochs, data) for i in range(spec.config.experts)]
meant = torch.arange(10).repeat_interleave(profile.ipc)


def recognised(images):
    """Share of the images that each expert takes for their class."""
    with torch.no_grad():
        return [float((expert(images).argmax(1) == meant).float().mean()) for expert in last]


for name, images in {"PAD's start": pad.synthetic.start, "PAD": pad.synthetic.images,
                     "DataDAM": datadam.synthetic.images}.items():
    named = recognised(images)
    print(f"{name}: {100 * statistics.fmean(named):.1f} % recognised, by {len(named)} experts "
          f"({100 * min(named):.0f} to {100 * max(named):.0f} %)")

# %%
every = (experts_run, pad, groups, single)
assert not lesson.shipped(*every) or 60 < lesson.minutes(*every) < 90, "as the head of this lesson says"
assert not lesson.shipped(wide) or 5 < lesson.minutes(wide) < 7
cost = {"experts": experts_run, "PAD": pad, "DataDAM": datadam}
print("; ".join(f"{name} {record.seconds / 60:.1f} minutes" for name, record in cost.items()))
f"PAD with its experts took {(experts_run.seconds + pad.seconds) / datadam.seconds:.1f} times as long as DataDAM"

# %% [markdown]
# ## Concept questions
#
# Read the paper (Li et al. 2024, arXiv:2408.03360) for these, and DATM (arXiv:2310.05773) for what it builds on.
#
# {MARK task2-1a}
#
# **1a.** Which gap in knowledge does PAD fill? What did methods before it overlook?

# %% [markdown] answer="task2-1a"
# *Your answer:*
#
# <!-- BEGIN MARK SCHEME -->
# *Scheme:* ½ for the gap: earlier methods take in information of the wrong kind for their number of images
# (misaligned), whatever they match; ½ for its two places: when information is extracted from the data (easy or hard
# images, at every epoch alike), and when it is embedded into the images (all layers alike, though shallow ones hold
# low-level signals).
# <!-- END MARK SCHEME -->

# %% [markdown]
# {MARK task2-1b}
#
# **1b.** What is new in it, against MTT and DATM?

# %% [markdown] answer="task2-1b"
# *Your answer:*
#
# <!-- BEGIN MARK SCHEME -->
# *Scheme:* ½ for the data filter: a difficulty score and a schedule that goes from easy to hard and then drops the
# easiest; ½ for the layer filter: only deep parameters are matched, by how much depends on the images per class. Start
# images, soft labels and the growing range of epochs are DATM's, the loss is MTT's: no mark for calling these new.
# <!-- END MARK SCHEME -->

# %% [markdown]
# {MARK task2-1c}
#
# **1c.** Describe the method in full: both stages, what is stored, what is drawn in an update, what is differentiated,
# what is learned besides the images, and where both filters enter. A drawing helps.

# %% [markdown] answer="task2-1c"
# *Your answer:*
#
# <!-- BEGIN MARK SCHEME -->
# *Scheme:* ½ for stage 1 (EL2N, schedule with its numbers, snapshots every epoch) and ½ for stage 2 (start images and
# soft labels; random expert and start epoch in a growing range; N steps at a learned rate; normalised loss on the deep
# share of the weights; gradient through the steps to images, labels and rate; updates above the threshold skipped).
# <!-- END MARK SCHEME -->

# %% [markdown]
# {MARK task2-1d}
#
# **1d.** Advantages and disadvantages. Can it really distil the originals, that is, take the place of the full data?
# Could it cope with data like ImageNet, and why? Use the measured costs above: what grows with the number of pixels,
# classes, weights?

# %% [markdown] answer="task2-1d"
# *Your answer:*
#
# <!-- BEGIN MARK SCHEME -->
# *Scheme:* ½ advantages (asks for what training does; adapts what is matched to the images per class; accuracy at
# larger sets); ½ disadvantages (experts: time and disk; second derivatives; bound to one architecture; several knobs
# per size); ½ whether it replaces the originals, argued with numbers against the full data's accuracy; ½ ImageNet:
# memory and time grow with weights, classes and steps; stepwise gradients help, experts and label storage remain; a
# reasoned yes or no, not a bare one.
# <!-- END MARK SCHEME -->

# %% [markdown]
# ## The verdict
#
# {MARK verdict}
#
# **2b.** Findings in numbers and pictures against Task 1. Does PAD beat attention matching? Under which protocol, by
# how much, with which error? What about generalisation to other networks, and recognisability? Say what your own run
# with both filters showed, and what you would not conclude from these records.

# %% [markdown] answer="verdict"
# *Your answer:*
#
# <!-- BEGIN MARK SCHEME -->
# *Scheme:* 1 for the comparison under both protocols with points, standard errors and n, the start as a baseline, and
# no claim below two standard errors; 1 for generalisation (other networks, widths) and recognisability, each with a
# number *and* a picture; 1 for reasons: few updates see the beginning of a trajectory, which was matched least; the
# learned rate; left_out; cost; and limits (one distillation of each kind, a narrow network, few seeds, MNIST).
# <!-- END MARK SCHEME -->

# %% [markdown]
# ## For your report
#
# One line writes this lesson's tables and figures, from your records, into the folder `report` (`python -m ddkit report report` lays out
# the whole of it). What is missing is named, and what came with ddkit is marked as shipped.

# %%
from ddkit import report

report.lesson(6, profile)

# %% [markdown]
# ## What you should take away
#
# * Trajectory matching compares weights, not features: it needs stored experts, and derivatives of derivatives.
# * A gradient through many steps can be had one step at a time, in the memory of one.
# * A loss whose question changes cannot be read from one value to the next: ask the same question twice.
# * A name is not a method: look whether both filters are on before you write "PAD".
# * Compare under one protocol, with the start as a baseline, errors and n beside every lead; and count the experts'
#   hours.
#
# **Questions to yourself**
#
# 1. Why is the loss divided by the distance that the expert went, and what happens where that distance is tiny?
# 2. What would go wrong if the *deep* layers were left out in place of the shallow ones?
# 3. Under which protocol does the learned learning rate matter, and is it fair to DataDAM?
# 4. Two students agree in every weight; only one was unrolled. Which of them can distil?
# 5. An image no expert gets right: should it be among the hardest that are kept, or is it a wrong label? How would you
#    find out?
#
# **Go further.** Match later epochs (`profile.match_trajectories("pad", first_start=1)`) and see what the assignment's
# protocol makes of them. Score wide networks under the assignment's protocol. Give DataDAM a learning rate of its
# own, tuned on validation data, and compare again. Read FTD (Du et al., CVPR 2023): experts that are flat on purpose
# (`sharpness`).
