# %% [markdown]
# # 7 · Kernel ridge regression: KIP, RFAD and FRePo
#
# - **Course part:** {PART}.
# - **You will learn** how a network of infinite width becomes a kernel, how ridge regression replaces training by one
#   formula, how images *and labels* are learned through that formula, and why a score by a kernel and a score by a network
#   are two numbers.
# - **Before you start:** lessons 1, 2 and 4.
# - **Time:** 40 minutes of reading; about three hours more on one processor core in the laptop profile if no
#   result came with the repository.

# %% shared="colab"

# %%
import math

import ddkit  # before torch, whose threads it asks to share the processor
import torch
from ddkit import plots
from ddkit.course import kernels as kernel_course, lesson
from ddkit.plots import kernels as kernel_plots
from ddkit.foundation.randomness import stream

profile = lesson.begin()
data = ddkit.load(profile.dataset)

# %% [markdown]
# ## The idea
#
# What makes distillation slow is the training inside it: to know what a change of an image does to the *trained* network,
# one has to train it. A model whose training has a closed formula needs no such loop. Ridge regression is the
# best-known one.
#
# ## Step 1: ridge regression on pixels
#
# Rows of $X$ are the images of the set, rows of $Y$ their labels, one-hot minus $1/C$. The weights that minimise
# $\lVert XW - Y\rVert^2 + \rho \lVert W \rVert^2$ are $W = (X^\top X + \rho I)^{-1} X^\top Y$.

# %%
def my_ridge(X, Y, rho):
    """[n, d], [n, classes] -> weights [d, classes]."""
    return torch.linalg.solve(X.T @ X + rho * torch.eye(X.shape[1], dtype=X.dtype), X.T @ Y)


# %%
few = ddkit.SyntheticSet.from_real(data, profile.ipc, stream(0, "lesson 7"))
X, T = few.images.double().flatten(1), data.val.images.double().flatten(1)
Y = torch.nn.functional.one_hot(few.labels, 10).double() - 0.1


def accuracy(predicted):
    return round(100 * float((predicted.argmax(1) == data.val.labels).double().mean()), 1)


accuracy(T @ my_ridge(X, Y, rho=10.0))

# %% [markdown]
# All choices in this lesson are looked at on *validation* data; test data come with the final scores.
#
# ## Step 2: only products of images matter
#
# The same prediction, written with the $n \times n$ matrix of inner products $K = XX^\top$ instead of the $d \times d$
# matrix $X^\top X$:
#
# $$\hat Y = K_{ts} (K_{ss} + \rho I)^{-1} Y_s, \qquad K_{ts} = T X^\top, \quad K_{ss} = X X^\top.$$
#
# **Predict:** for a hundred images of 784 pixels, which of the two systems is smaller?

# %%
def my_prediction(K_ts, K_ss, Y, rho):
    """Kernel ridge regression: [N, n], [n, n], [n, classes] -> [N, classes]."""
    return K_ts @ torch.linalg.solve(K_ss + rho * torch.eye(len(K_ss), dtype=K_ss.dtype), Y)


# %%
torch.testing.assert_close(my_prediction(T @ X.T, X @ X.T, Y, 10.0), T @ my_ridge(X, Y, 10.0))

# %% [markdown]
# ## Step 3: another product
#
# Nothing but products of two images is left, so we may put another product in their place. Which one? That of a
# *network*. Take a fully connected ReLU network with one hidden layer, random weights, and look at the outputs for two
# images over all draws: their covariance is a kernel, the **NNGP**. Before the ReLU it is
#
# $$K^0(x, z) = \sigma_w^2\, x^\top z / d + \sigma_b^2.$$
#
# The ReLU needs only the lengths and the angle $\theta$ of the pair (Cho and Saul, 2009):
#
# $$K(x, z) = \sigma_w^2 \frac{\sqrt{K^0(x,x) K^0(z,z)}}{2\pi} \big(\sin\theta + (\pi - \theta)\cos\theta\big) + \sigma_b^2,
# \qquad \cos\theta = \frac{K^0(x, z)}{\sqrt{K^0(x,x) K^0(z,z)}}.$$

# %%
w, b = math.sqrt(2), 0.1  # sigma_w and sigma_b


def my_angle(x, z):
    """[N, d], [M, d] -> K0, the geometric mean of the lengths, and the angle, each [N, M]."""
    d = x.shape[1]
    K0 = w**2 * x @ z.T / d + b**2
    xx, zz = (w**2 * side.square().sum(1) / d + b**2 for side in (x, z))
    lengths = (xx[:, None] * zz).sqrt()
    return K0, lengths, (K0 / lengths).clamp(-1, 1).arccos()


def my_nngp(x, z):
    _, lengths, angle = my_angle(x, z)
    return w**2 * lengths * (angle.sin() + (math.pi - angle) * angle.cos()) / (2 * math.pi) + b**2


# %% [markdown]
# Do not believe a formula: draw 300 real networks with 500 hidden units each and look.

# %%
generator = stream(0, "finite networks")
pair = X[:2]
hidden = [w / math.sqrt(X.shape[1]) * pair @ torch.randn(X.shape[1], 500, generator=generator).double()
          + b * torch.randn(500, generator=generator).double() for _ in range(300)]
drawn = torch.stack([w**2 * h.relu() @ h.relu().T / 500 + b**2 for h in hidden])
error = drawn.std(0) / math.sqrt(len(drawn))
assert ((drawn.mean(0) - my_nngp(pair, pair)).abs() < 5 * error + 1e-9).all()
print("drawn:  ", drawn.mean(0).flatten().tolist(), "\nformula:", my_nngp(pair, pair).flatten().tolist())

# %% [markdown]
# ## Step 4: the tangent kernel
#
# The NNGP trains the last layer only. If *all* layers of a very wide network follow gradient descent, the network hardly
# changes its features, and its training is again kernel regression, with the **NTK**: the product of the outputs'
# gradients (Jacot et al., 2018). A second term stands for the first layer's weights:
#
# $$\Theta(x, z) = K(x, z) + \sigma_w^2\, \frac{\pi - \theta}{2\pi}\, K^0(x, z).$$

# %%
def my_ntk(x, z):
    K0, _, angle = my_angle(x, z)
    return my_nngp(x, z) + w**2 * (math.pi - angle) / (2 * math.pi) * K0


# %%
from ddkit.training.kernels import InfiniteNetwork, solve

NTK, NNGP = InfiniteNetwork("NTK", depth=1), InfiniteNetwork("NNGP", depth=1)
torch.testing.assert_close(my_nngp(T[:50], X), NNGP(T[:50], X))
torch.testing.assert_close(my_ntk(T[:50], X), NTK(T[:50], X))

# %% [markdown]
# **Predict:** will the NTK do better than raw products on these images? And which pairs of classes does it take for alike?

# %%
rho = 1e-6 * float(my_ntk(X, X).diagonal().mean())
{"products of pixels": accuracy(T @ my_ridge(X, Y, 10.0)),
 "NTK": accuracy(my_prediction(my_ntk(T, X), my_ntk(X, X), Y, rho))}

# %%
kernel_plots.kernel_matrix(my_ntk(X, X), few, "NTK of random real images")

# %% [markdown]
# Bright squares on the diagonal are images of one class that look alike to the kernel; the other bright places are its
# likely mistakes.
#
# ## What can go wrong: a kernel that has no inverse
#
# An image that is there twice makes two equal rows. The ridge $\rho = \lambda \operatorname{tr}(K)/n$ saves the day; without it
# nothing must be computed, so ddkit's solver (Cholesky in float64) says so instead of returning noise.

# %%
twice = torch.cat([X, X[:1]])
try:
    solve(NTK(twice, twice), torch.cat([Y, Y[:1]]), ridge=0)
except ddkit.errors.InputError as complaint:
    print(complaint)
weights = solve(NTK(twice, twice), torch.cat([Y, Y[:1]]), ridge=1e-6)
torch.testing.assert_close(weights[0], weights[-1])  # the two share the work

# %% [markdown]
# ## KIP: the gradient through the formula
#
# The prediction of real images $T$ is a differentiable function of the synthetic images $S$ and labels $Y_s$. So change both
# along the gradient of its squared error (Nguyen et al., ICLR 2021):
#
#     repeat:
#         draw real images T with labels Y_t
#         loss = | K_ts (K_ss + rho I)^-1 Y_s - Y_t |^2
#         a step of Adam on S and on Y_s

# %%
def my_loss(S, Y_s, T, Y_t, ridge=1e-6):
    K_ss = my_ntk(S, S)
    predicted = my_prediction(my_ntk(T, S), K_ss, Y_s, ridge * K_ss.diagonal().mean())
    return (predicted - Y_t).square().sum(1).mean()


# %% [markdown]
# One detail bites: on the diagonal of $K_{ss}$ the angle is 0, where the slope of arccos is infinite, so `my_loss` has
# gradients of NaN. The package lets the angle of identical images count as constant. That its gradient is right shows a step in
# each direction:

# %%
def ddkit_loss(S, Y_s, T, Y_t):
    return (NTK(T, S) @ solve(NTK(S, S), Y_s) - Y_t).square().sum(1).mean()


S, some = X.clone().requires_grad_(), slice(0, 500)
Y_t = torch.nn.functional.one_hot(data.val.labels[some], 10).double() - 0.1
loss = ddkit_loss(S, Y, T[some], Y_t)
torch.testing.assert_close(loss.detach(), my_loss(X, Y, T[some], Y_t))
[gradient] = torch.autograd.grad(loss, S)
step = 1e-5 * gradient / gradient.norm()
sides = [float(ddkit_loss(X + sign * step, Y, T[some], Y_t)) for sign in (1, -1)]
assert abs((sides[0] - sides[1]) / 2e-5 / float(gradient.norm()) - 1) < 1e-3

# %% [markdown]
# **Predict:** the images start as real digits. Nothing asks them to stay digits. What will they look like?

# %%
kip = kernel_course.kip(profile)
kip_run = lesson.told(ddkit.run(kip))
print(f"{kip_run.updates:,} updates in {kip_run.result['cpu_seconds'] / 60:.1f} minutes of one processor core; "
      f"the images moved by {kip_run.result['moved']:.0f}")
plots.loss_curve({"KIP": kip_run})

# %%
kept = kip_run.synthetic
start, end = ((images.double().flatten(1), targets.double())
              for images, targets in ((kept.start, kept.start_labels), (kept.images, kept.labels)))
assert ddkit_loss(*end, T[some], Y_t) < ddkit_loss(*start, T[some], Y_t), "on validation images, which it never saw"
plots.start_end_difference(kip_run.synthetic)

# %% [markdown]
# ## The labels have learned, too
#
# They started as $0.9$ for the image's class and $-0.1$ for all others.
#
# **Predict:** where will a "4" put weight besides its own class?

# %%
kernel_plots.label_heatmap(kip_run.synthetic)

# %%
labels = kip_run.synthetic.labels
own = labels.argmax(1) == kip_run.synthetic.start_labels.argmax(1)
print(f"{int(own.sum())} of {len(own)} images still speak for the class they started as most")
assert not torch.equal(labels, kip_run.synthetic.start_labels)

# %% [markdown]
# A label is now a statement about ten classes. A network cannot be trained on it by cross-entropy, for it is no distribution:
# ddkit knows that these labels are *targets* and regresses logits on them.
#
# ## Judged by its own kernel
#
# The published figures are those of the paper's kernel of the same kind. This is a score of a **kernel**: no network has been
# trained. The spread is over distillations from other starts. Fifty images per class have room to learn the training digits by
# heart, so there the real images are shifted, turned or stretched a little, each differently in every update.

# %%
lesson.table(kernel_course.kip_table(profile))

# %% [markdown]
# ## Kernels of finite networks: RFAD and FRePo
#
# The infinite *convolutional* kernel knows about neighbours, but costs far more than the formula above. Two ways out:
#
# * **RFAD** (Loo et al., 2022): a few random networks; the kernel is the product of their embeddings, $K = FF^\top$, drawn anew
#   for every update. Its loss is cross-entropy of predictions times a learned scale (Platt's scaling).
# * **FRePo** (Zhou et al., 2022): networks that are *in training on the synthetic set*; a pool keeps some of different ages, an
#   update uses one of them (here four), trains it one step, and renews it when it is old.
#
# **Predict:** whose images will serve a *trained* network best: KIP's, RFAD's or FRePo's?

# %%
rfad_run = lesson.told(ddkit.run(kernel_course.featured(profile, "rfad")))
plots.image_grid(rfad_run.synthetic, columns=5, title="RFAD")

# %%
frepo_run = lesson.told(ddkit.run(kernel_course.featured(profile, "frepo")))
plots.image_grid(frepo_run.synthetic, columns=5, title="FRePo")

# %% [markdown]
# ## The same set, judged by kernel and by network
#
# Rows: sets. Columns: who answers. The first three are kernels: the infinite network's, the features of random networks, and
# the features of a network that was trained on the set for a hundred updates. The last is what the field calls the score: a
# network trained on the set under the standard protocol.

# %%
lesson.table(kernel_course.judges_table(profile))

# %%
found = {name: {judge: kernel_course.judged(profile, source, judge).scores for judge in kernel_course.JUDGES}
         for name, source in kernel_course.sets(profile).items()}
named = {name: {judge.replace(" ", "\n"): score for judge, score in row.items()} for name, row in found.items()}
plots.transfer_heatmap(named, title=f"Accuracy by set and by who answers ({profile.label})")

# %%
assert found["KIP"]["NTK"].mean == max(row["NTK"].mean for row in found.values()), "a set serves best whom it was made for"
gain = {name: {judge: round(100 * (row[judge].mean - found["random real"][judge].mean), 1) for judge in row}
        for name, row in found.items()}
print("points above random real images:")
for name, row in gain.items():
    print(f"  {name:12}", row)

# %% [markdown]
# Read it by columns, then by rows. KIP and RFAD are each at their best before the kernel they were made with. KIP beats matching by far when
# the infinite network answers, at a cost of minutes. But what an infinite fully connected network wants to see is not what a
# convolutional one can use: there, compare KIP's row with that of random real images. RFAD, distilled through convolutional
# features, is the one to follow from the kernel to the trained network.
#
# ### Before wider networks
#
# RFAD, FRePo and DataDAM saw networks of the profile's width only. Here are networks as wide as the papers' (in
# the quick profile, its own again).
#
# **Predict:** a kernel of random features is that of an infinitely wide network in the limit. Whose set should gain most?

# %%
print(f"networks of width {profile.wide}")
lesson.scores(kernel_course.wide(profile))

# %% [markdown]
# In the laptop profile every set gains about half a point, random real images too: a wider network learns more from anything, and
# the order stays. RFAD is then where its paper has it (98.5 %), FRePo a point below its own (98.6 %): it made far fewer updates.
#
# ## What you should take away
#
# * Kernel ridge regression is a training with a formula, so the gradient of a set's quality is exact and cheap.
# * A kernel has to be handled with care: float64, a ridge in units of its trace, and an honest refusal.
# * Say who was asked: a score by a kernel and a score by a network are two numbers.
#
# **Questions**
#
# 1. The ridge is $10^{-6}$ of the mean diagonal. What would a ridge of 1 do to the images that are learned?
# 2. KIP's kernel does not know that pixels have neighbours. In which picture above do you see that?
# 3. RFAD draws new networks for every update. What would happen to the images if it kept the same ones?
# 4. How would you report KIP in a table beside DataDAM so that nobody is misled?

# %% [markdown]
# *Your answers:*
