# %% [markdown]
# # 6 · Trajectory matching: MTT, DATM and PAD
#
# - **Course part:** {PART}.
# - **You will learn** what an expert trajectory is, how a loss between weights moves images, how its gradient is had in
#   little memory, and what DATM and PAD change.
# - **Before you start:** lessons 1 to 4.
# - **Time:** 50 minutes of reading; experts, distillation and evaluations take about two hours on one processor core in the
#   laptop profile, and seconds if their results came with the repository.

# %% shared="colab"

# %%
import ddkit  # before torch, whose threads it asks to share the processor
import torch
from ddkit import plots
from ddkit.course import lesson
from ddkit.methods import presets
from ddkit.plots import experts as expert_plots, tables

profile = lesson.begin()
data = ddkit.load(profile.dataset)

# %% [markdown]
# ## The idea
#
# DataDAM asks that synthetic images *look* like real ones to a network. Trajectory matching (MTT, Cazenavette et al.
# 2022) asks that they *teach* like real ones: a student trained on them for a few steps should arrive where an expert
# arrived that was trained on the real data for whole epochs.
#
# ## Stage 1: experts
#
# An expert is an ordinary network trained on the full data; its **trajectory** is the list of its weights after every
# epoch.
#
# **Predict:** in which epochs do the weights tell most about the data, early or late ones?

# %%
spec = profile.match_trajectories("pad")
experts_run = lesson.told(ddkit.run(spec.experts))
experts = experts_run.trajectories
expert_plots.expert_curves(experts)

# %%
weights = torch.stack([experts.weights(0, epoch) for epoch in range(spec.config.expert_epochs + 1)])
print(f"{weights.shape[1]:,} weights; {experts_run.result['bytes'] / 2**20:.1f} MiB for all snapshots")
print("distance from one epoch to the next:", [round(float(d), 2) for d in weights.diff(dim=0).norm(dim=1)])

# %% [markdown]
# ## Easy and hard images
#
# PAD (Li et al. 2024) does not show everything to its experts at once. Each image gets a difficulty: EL2N, the length
# of the error $\lVert \mathrm{softmax}(f(x)) - y \rVert_2$ early in training, averaged over several networks.

# %%
def my_el2n(logits, labels):
    """[n, classes], [n] -> [n]: the length of each image's error vector."""
    onehot = torch.nn.functional.one_hot(labels, logits.shape[1])
    return (logits.softmax(dim=1) - onehot).square().sum(dim=1).sqrt()


# %%
from ddkit.data import Split
from ddkit.training.difficulty import el2n, subset

some = Split(data.train.images[:50], data.train.labels[:50])
early = experts.network(0, 1, data)
with torch.no_grad():
    torch.testing.assert_close(my_el2n(early(some.images), some.labels), el2n(early, some))
assert float(my_el2n(torch.tensor([[99.0, 0.0]]), torch.tensor([0]))) < 1e-6

# %% [markdown]
# **Predict:** what will the hardest digits look like?

# %%
expert_plots.difficulty(data, experts)

# %% [markdown]
# The schedule of subsets: the easiest three quarters grow to all; later the easiest are dropped, because they have
# nothing left to teach.

# %%
{epoch: len(subset(experts.difficulty[0], epoch, 100)) for epoch in (0, 10, 20, 40, 60)}

# %% [markdown]
# ## Stage 2: the loss between weights
#
# The student starts from the expert's weights $\theta^*_t$ and makes $N$ steps on the synthetic set $S$. How far is it
# from where the expert was $M$ epochs later, relative to how far it had to go?
#
# $$L = \frac{\lVert \theta_N - \theta^*_{t+M} \rVert^2}{\lVert \theta^*_t - \theta^*_{t+M} \rVert^2}, \qquad
# \theta_{i+1} = \theta_i - \alpha \nabla_\theta \mathrm{CE}(\theta_i; S).$$

# %%
def my_trajectory_loss(student, start, target):
    """Three flat weight vectors -> a scalar."""
    return (student - target).pow(2).sum() / (start - target).pow(2).sum()


# %% [markdown]
# Check it: a student that did not move scores 1, one that arrived scores 0, and the package agrees.

# %%
from ddkit.methods.matching.trajectory import trajectory_loss

start, target = experts.weights(0, 0), experts.weights(0, 1)
halfway = (start + target) / 2
assert my_trajectory_loss(start, start, target) == 1 and my_trajectory_loss(target, start, target) == 0
torch.testing.assert_close(my_trajectory_loss(halfway, start, target), torch.tensor(0.25))
torch.testing.assert_close(my_trajectory_loss(halfway, start, target), trajectory_loss(halfway, start, target))

# %% [markdown]
# ## Through the student's steps
#
# The images enter through every step's gradient, so we need the gradient of a gradient. `create_graph=True` keeps what
# is needed for it.

# %%
from torch.func import functional_call


def my_student(network, weights, images, labels, rate, steps):
    """Flat weights after some steps of SGD on all images, differentiable in the images."""
    shapes = {name: p.shape for name, p in network.named_parameters()}
    for _ in range(steps):
        parts = weights.split([shape.numel() for shape in shapes.values()])
        named = {name: part.view(shapes[name]) for name, part in zip(shapes, parts, strict=True)}
        loss = torch.nn.functional.cross_entropy(functional_call(network, named, (images,)), labels)
        (gradient,) = torch.autograd.grad(loss, weights, create_graph=True)
        weights = weights - rate * gradient
    return weights


# %%
network = experts.network(0, 0, data)
images = torch.stack([data.train.of_class(c)[0] for c in range(10)]).requires_grad_()
arrived = my_student(network, start.requires_grad_(), images, torch.arange(10), 0.05, steps=3)
my_loss = my_trajectory_loss(arrived, start, target)
(my_gradient,) = torch.autograd.grad(my_loss, images)
f"loss {my_loss:.4f}; gradient of the images: {list(my_gradient.shape)}"

# %% [markdown]
# ## The same gradient in little memory
#
# The graph of all $N$ steps must be in memory at once. TESLA (Cui et al. 2023) makes the steps without a graph and then
# goes through them again one by one. With $g_i$ the gradient of step $i$ and $\lambda = \partial L / \partial
# \theta_{i+1}$, step $i$ contributes $-\alpha\, \partial (\lambda^\top g_i) / \partial S$. ddkit goes from the last
# step to the first and carries $\lambda$ along, so that nothing is left out.
#
# **Predict:** will the two gradients agree exactly, or roughly?

# %%
from ddkit.methods.matching.student import Batch, Student, stepwise, unrolled
from ddkit.methods.matching.trajectory import Segment

arguments = (Student(network), images, torch.arange(10), torch.tensor(0.05), [Batch(torch.arange(10))] * 3,
             Segment(start.detach(), target))
one, other = unrolled(*arguments), stepwise(*arguments)
for found in (one, other):
    torch.testing.assert_close(found.images, my_gradient, rtol=1e-3, atol=1e-6)
f"largest difference {(one.images - other.images).abs().max():.1e} of {one.images.abs().max():.1e}"

# %% [markdown]
# ## What DATM and PAD change
#
# * **DATM** (Guo et al. 2024) matches early epochs for few images and later ones for many, lets the range of start
#   epochs grow, and learns soft labels that start as the experts' logits.
# * **PAD** filters twice: the experts' data by difficulty, and the loss by leaving out the shallow layers' weights.

# %%
expert_plots.matched_epochs(spec.config)

# %%
print("\n".join(presets.departures("trajectory", "pad")))
print(f"\nthe {profile.name} profile replaces: " + ", ".join(f"{name} {value}" for name, value in spec.options))

# %%
lesson.table(tables.knobs(spec.config, "github"))

# %% [markdown]
# ## Distil
#
# **Predict:** will the images look more or less like digits than DataDAM's?

# %%
pad = lesson.told(ddkit.run(spec))
skipped = sum(step["skipped"] for step in pad.result["losses"])
print(f"{pad.updates} updates, {skipped:.0f} of them skipped; learning rate {spec.config.rate} became "
      f"{pad.synthetic.learning_rate:.3f}")
assert pad.result["moved"] > 0

# %%
plots.loss_curve({f"PAD, {profile.dataset}": pad})

# %%
plots.image_grid(pad.synthetic, title=f"Distilled with PAD ({profile.label})")

# %%
plots.evolution(pad)

# %% [markdown]
# Does a student on these images follow an expert further than one on their start?

# %%
from ddkit.widgets.trajectory_map import TrajectoryMap

paths = TrajectoryMap({"PAD": pad}, experts_run, data)
paths

# %%
paths.figure()

# %% [markdown]
# The labels were learned as well. How sure is each of its own class?

# %%
sure = [labels.softmax(1).max(1).values.mean().item() for labels in (pad.synthetic.start_labels, pad.synthetic.labels)]
print(f"mean probability of the likeliest class: {sure[0]:.3f} at the start, {sure[1]:.3f} at the end")

# %% [markdown]
# ## Comparison with Task 1
#
# The same networks, seeds and protocols for all. The last protocol also takes the learning rate that was learned with
# the set, which only PAD's set has.

# %%
from ddkit.course import trajectories as trajectory_course

groups = {protocol: trajectory_course.scores(profile, protocol) for protocol in ("assignment", "standard", "learned")}
lesson.scores(groups["standard"])

# %%
plots.bars({name: {n: r.scores for n, r in row.items()} for name, row in groups.items()},
           groups["standard"]["PAD"].result["chance"])

# %%
pad_scores = groups["standard"]["PAD"].scores
for name, other in groups["standard"].items():
    if name != "PAD":
        print(f"PAD against {name}: {pad_scores.lead(other.scores):+.1f} standard errors")

# %% [markdown]
# Under the assignment's protocol, too? Choose PAD's set as the first, and as the second its start, then DataDAM's:

# %%
from ddkit.widgets.is_it_real import IsItReal

verdict = IsItReal(chosen={"data": profile.dataset, "protocol": "assignment"})
verdict

# %%
verdict.figure()

# %% [markdown]
# ### Before wider networks
#
# Trajectories are made of one network's weights. Do the images serve another? Here are networks as wide as the papers' (in the
# quick profile, its own again).
#
# **Predict:** will the learning rate that suited a narrow network suit a wide one?

# %%
wide = {protocol: trajectory_course.scores(profile, protocol, wide=True) for protocol in ("standard", "learned")}
print(f"networks of width {profile.wide}")
lesson.scores(wide["standard"])

# %%
print(f"PAD at the learning rate learned with it: {wide['learned']['PAD'].scores}")

# %% [markdown]
# ## Concept questions (1a to 1d)
#
# **1a.** What does a trajectory know about the data that a single trained network does not?

# %% [markdown]
# *Your answer:*

# %% [markdown]
# **1b.** Why is the loss divided by the distance that the expert went?

# %% [markdown]
# *Your answer:*

# %% [markdown]
# **1c.** Which images does PAD keep from its experts, when, and why? How does that depend on the images per class?

# %% [markdown]
# *Your answer:*

# %% [markdown]
# **1d.** Why should shallow layers' weights be left out of the loss, and what could go wrong if the deep ones were?

# %% [markdown]
# *Your answer:*

# %% [markdown]
# ## What you should take away
#
# * Trajectory matching compares weights, not features: it needs stored experts and second derivatives.
# * A gradient through many steps can be had one step at a time.
# * Compare methods under one protocol with the same seeds, and count the experts' hours too.
#
# **Questions**
#
# 1. How many minutes did experts and distillation take together, and how many did DataDAM? (comparison)
# 2. Under which protocol does the learned learning rate matter, and is it fair to DataDAM?
