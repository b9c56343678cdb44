# %% [markdown]
# # 7 · Kernel ridge regression: KIP, RFAD and FRePo
#
# - **Course part:** {PART}. This is Task 2's second method for those who work as a **pair**: it is of the sheet's group a
#   (a meta-loss: the trained model's own error is followed), so it may stand beside PAD. A pair answers lesson 6's questions
#   1a to 1d for it, too.
# - **You will learn** how ridge regression replaces training by one formula, how a network of infinite width becomes a kernel
#   and where both terms of that kernel come from, how images *and labels* are learned through the formula, and why a score by
#   a kernel and a score by a network are two numbers.
# - **Before you start:** lessons 1, 2 and 4; a little linear algebra (a matrix's inverse and trace).
# - **Time:** an hour and a half with its exercises. If no result came with the repository, the distillations keep one
#   processor core busy for about as long again (the lesson adds it up); one distillation of your own takes minutes.

# %% shared="colab"

# %%
import math

import ddkit  # before torch, whose threads it asks to share the processor
import torch
from ddkit import exercises, plots
from ddkit.course import kernels as kernel_course, lesson
from ddkit.foundation.randomness import stream
from ddkit.plots import kernels as kernel_plots
from ddkit.training.leads import Lead

profile = lesson.begin()
data = ddkit.load(profile.dataset)

# %% [markdown]
# ## The idea
#
# What can make distillation slow is a training inside it: to know what a change of an image does to the *trained* network,
# one has to train it. DataDAM (lesson 2) avoids this by asking another question, whether features look alike. PAD (lesson 6)
# does a part of the training and follows a recorded one. There is a third way: take a model whose training is a *formula*.
# Then the trained model is a known function of the images, and so is its error on real data, and one may simply take the
# gradient of that error. Ridge regression is a model of this kind.
#
# That a straight line fitted to pixels is a poor classifier is no objection yet: we will put something cleverer in place of
# the pixels, and keep the formula.
#
# ## Step 1: ridge regression on pixels
#
# Rows of $X$ are the $n$ images of the small set, as vectors of $d$ pixels. Rows of $Y$ are their labels as **targets**: one-hot
# (1 for the image's class, 0 for others) minus $1/C$ for $C$ classes, so that a row adds up to zero. We look for weights $W$ of
# size $d \times C$ with $XW \approx Y$. With fewer images than pixels there are infinitely many that fit exactly, so a **ridge**
# $\rho > 0$ asks for small ones: minimise $\lVert XW - Y\rVert^2 + \rho \lVert W \rVert^2$. Setting the gradient to zero gives
#
# $$W = (X^\top X + \rho I)^{-1} X^\top Y.$$

# %%
def ridge_weights(X, Y, rho):
    """[n, d], [n, classes] -> weights [d, classes]."""
    return torch.linalg.solve(X.T @ X + rho * torch.eye(X.shape[1], dtype=X.dtype), X.T @ Y)


few = ddkit.SyntheticSet.from_real(data, profile.ipc, stream(0, "lesson 7"))
X, T = few.images.double().flatten(1), data.val.images.double().flatten(1)
Y = torch.nn.functional.one_hot(few.labels, 10).double() - 0.1


def accuracy(predicted):
    """Of predictions [N, classes] for the validation images, in percent."""
    return round(100 * float((predicted.argmax(1) == data.val.labels).double().mean()), 1)


f"{accuracy(T @ ridge_weights(X, Y, rho=10.0))} % of {len(T):,} validation images, from {len(X)} random real ones"

# %% [markdown]
# All choices in this lesson are looked at on *validation* data; test data come with the final scores.
#
# ## Step 2: only products of images matter
#
# The same prediction can be written with the $n \times n$ matrix of the images' inner products $K_{ss} = XX^\top$ instead of the
# $d \times d$ matrix $X^\top X$. Multiply out and check: $X^\top (XX^\top + \rho I) = (X^\top X + \rho I) X^\top$. So
# $(X^\top X + \rho I)^{-1} X^\top = X^\top (XX^\top + \rho I)^{-1}$, and for images $T$ that are to be predicted
#
# $$\hat Y = T W = K_{ts} (K_{ss} + \rho I)^{-1} Y_s, \qquad K_{ts} = T X^\top, \quad K_{ss} = X X^\top.$$
#
# Index $s$ stands for the synthetic set, $t$ for the target images. This form is **kernel ridge regression**: a **kernel** is a
# rule that says for two images how much they have in common, and the pixels themselves have vanished.
#
# **Predict:** for a hundred images of 784 pixels, which of the two systems of equations is smaller?
#
# {MARK prediction}
#
# **Exercise.** Write it from the matrices. Do not form the inverse: `torch.linalg.solve(A, B)` gives $A^{-1}B$.

# %% exercise="prediction"
def my_prediction(K_ts, K_ss, Y_s, rho):
    """Kernel ridge regression: [N, n], [n, n], [n, classes] -> [N, classes]."""
    ### BEGIN SOLUTION
    ridged = K_ss + rho * torch.eye(len(K_ss), dtype=K_ss.dtype)
    return K_ts @ torch.linalg.solve(ridged, Y_s)
    ### END SOLUTION


# %% check="prediction"
exercises.check("prediction", my_prediction)
### BEGIN HIDDEN TESTS
_given = (torch.tensor(rows).double() for rows in ([[1, 2]], [[1, 0], [0, 3]], [[1, 0], [0, 1]]))
_two = torch.as_tensor(my_prediction(*_given, 1.0))
assert ((_two - torch.tensor([[0.5, 0.5]])).abs() < 1e-6).all(), "1 / (1 + 1) and 2 / (3 + 1)"
_ones = torch.ones(5, 3).double()
_five = torch.as_tensor(my_prediction(_ones[:, :2], torch.eye(2).double(), _ones[:2], 0.5))
assert _five.shape == (5, 3)
### END HIDDEN TESTS

# %%
from ddkit.exercises.lessons.kernels import prediction  # ddkit's own, so that this works before yours does

torch.testing.assert_close(prediction(T @ X.T, X @ X.T, Y, 10.0), T @ ridge_weights(X, Y, 10.0))
f"the same predictions from a system of {len(X)} equations as from one of {X.shape[1]}"

# %% [markdown]
# ### How much ridge?
#
# A ridge of 10 means nothing by itself: twice as bright images have products four times as large. So it is counted in units of
# the kernel's mean diagonal entry, $\rho = \lambda \operatorname{tr}(K_{ss}) / n$.
#
# **Predict:** with $\lambda \to 0$ the hundred images are fitted exactly; with a very large $\lambda$ all predictions shrink
# towards zero. Which is best for images it has not seen?

# %%
def by_ridge(K_ts, K_ss, lams=(1e-6, 1e-4, 1e-2, 1e-1, 1.0, 100.0)):
    """Validation accuracy by lambda."""
    return {lam: accuracy(prediction(K_ts, K_ss, Y, lam * K_ss.trace() / len(K_ss))) for lam in lams}


pixels = by_ridge(T @ X.T, X @ X.T)
best_lam = max(pixels, key=pixels.get)
print(pixels)
f"best of these: lambda = {best_lam:g} with {pixels[best_lam]} %, against {pixels[1e-6]} % with hardly any ridge"

# %% [markdown]
# ## Step 3: another product
#
# Nothing but products of two images is left, so we may put another product in their place. Which one? That of a
# *network*. Take a fully connected network with one hidden layer of $m$ ReLU units. With standard normal $W_k, \beta_k, v_k, c$,
# it computes
#
# $$f(x) = \frac{\sigma_w}{\sqrt m} \sum_{k=1}^m v_k \operatorname{relu}(h_k(x)) + \sigma_b c, \qquad
# h_k(x) = \frac{\sigma_w}{\sqrt d}\, W_k^\top x + \sigma_b \beta_k.$$
#
# Over all draws of the weights, $h_k(x)$ and $h_k(z)$ of two images are two Gaussian numbers with the covariance
#
# $$K^0(x, z) = \sigma_w^2\, \frac{x^\top z}{d} + \sigma_b^2,$$
#
# and the outputs have the covariance $K(x, z) = \sigma_w^2\, E[\operatorname{relu}(h(x)) \operatorname{relu}(h(z))] + \sigma_b^2$.
# This is the **NNGP** (the Gaussian process that an untrained wide network is). What is the expectation?
#
# Two Gaussian numbers with lengths $\ell = \sqrt{K^0(x,x)}$, $\ell' = \sqrt{K^0(z,z)}$ and correlation $\cos\theta$ can be drawn like
# this: take a point in the plane with a random direction $\varphi$ and a random distance $r$ from the origin, $E[r^2] = 2$, and
# project it on two unit vectors that make the angle $\theta$: $h = \ell r \cos\varphi$ and $h' = \ell' r \cos(\varphi - \theta)$. Both
# are positive for $\theta - \tfrac\pi2 < \varphi < \tfrac\pi2$, an arc of length $\pi - \theta$ of the circle. On it
#
# $$E[\operatorname{relu}(h)\operatorname{relu}(h')] = \frac{2\,\ell\ell'}{2\pi} \int_{\theta - \pi/2}^{\pi/2} \cos\varphi \cos(\varphi - \theta)\, d\varphi
# = \frac{\ell\ell'}{2\pi} \big(\sin\theta + (\pi - \theta)\cos\theta\big),$$
#
# because $\cos\varphi\cos(\varphi-\theta) = \tfrac12(\cos(2\varphi - \theta) + \cos\theta)$ (Cho and Saul, NeurIPS 2009). So
#
# $$K(x, z) = \sigma_w^2 \frac{\sqrt{K^0(x,x) K^0(z,z)}}{2\pi} \big(\sin\theta + (\pi - \theta)\cos\theta\big) + \sigma_b^2,
# \qquad \cos\theta = \frac{K^0(x, z)}{\sqrt{K^0(x,x) K^0(z,z)}}.$$
#
# ## Step 4: the tangent kernel
#
# The NNGP tells what happens if only the last layer learns. If *all* layers of a very wide network follow gradient descent,
# each single weight hardly moves, so the network stays close to its tangent at the start: $f_w(x) \approx f_{w_0}(x) +
# \nabla_w f(x)^\top (w - w_0)$. That is a linear model in $w$ whose features are the gradients, so its training is again kernel
# regression, with the product of two gradients as the kernel: the **NTK**, neural tangent kernel (Jacot et al., NeurIPS 2018),
#
# $$\Theta(x, z) = E\big[\nabla_w f(x)^\top\, \nabla_w f(z)\big].$$
#
# Take the gradient layer by layer.
#
# * **The last layer.** $\partial f / \partial v_k = \tfrac{\sigma_w}{\sqrt m} \operatorname{relu}(h_k)$ and $\partial f / \partial c = \sigma_b$. Products of these, summed over
#   the $m$ units, give $\sigma_w^2\, E[\operatorname{relu}(h)\operatorname{relu}(h')] + \sigma_b^2$: the NNGP again.
# * **The first layer.** By the chain rule $\partial f / \partial W_k = \tfrac{\sigma_w}{\sqrt m}\, v_k \operatorname{relu}'(h_k(x))\, \tfrac{\sigma_w}{\sqrt d}\, x$ and
#   $\partial f / \partial \beta_k = \tfrac{\sigma_w}{\sqrt m}\, v_k \operatorname{relu}'(h_k(x))\, \sigma_b$. The product of two images' gradients, summed over the units, is
#
# $$\frac{\sigma_w^2}{m} \sum_{k=1}^m v_k^2\, \operatorname{relu}'(h_k(x)) \operatorname{relu}'(h_k(z)) \Big(\sigma_w^2 \frac{x^\top z}{d} + \sigma_b^2\Big)
# \;\longrightarrow\; \sigma_w^2\, E[v^2]\, E\big[\operatorname{relu}'(h)\operatorname{relu}'(h')\big]\, K^0(x, z).$$
#
# Here $E[v^2] = 1$. The derivative of the ReLU is 1 where its input is positive and 0 elsewhere, so the last expectation is the
# *probability that both inputs are positive*: the same arc as above, $\pi - \theta$ of a whole circle of $2\pi$. Together
#
# $$\Theta(x, z) = K(x, z) + \sigma_w^2\, \frac{\pi - \theta}{2\pi}\, K^0(x, z).$$
#
# **Predict:** for two images that are orthogonal to the network ($\theta = \pi/2$), what share of the units is active for both?
#
# {MARK ntk}
#
# **Exercise.** Write $\Theta$ for stacks of images. Rounding can make a cosine of two equal images a little larger than 1, where
# arccos has no value: `clamp(-1, 1)` first.

# %% exercise="ntk"
def my_ntk(x, z, w, b):
    """Images [N, ...] and [M, ...], sigma_w, sigma_b -> the NTK of one hidden layer, [N, M]."""
    ### BEGIN SOLUTION
    x, z = x.flatten(1), z.flatten(1)
    d = x.shape[1]
    K0 = w**2 * x @ z.T / d + b**2
    xx, zz = (w**2 * side.square().sum(1) / d + b**2 for side in (x, z))
    lengths = (xx[:, None] * zz).sqrt()
    angle = (K0 / lengths).clamp(-1, 1).arccos()
    nngp = w**2 * lengths * (angle.sin() + (math.pi - angle) * angle.cos()) / (2 * math.pi) + b**2
    return nngp + w**2 * (math.pi - angle) / (2 * math.pi) * K0
    ### END SOLUTION


# %% check="ntk"
exercises.check("ntk", my_ntk)
### BEGIN HIDDEN TESTS
_unit = torch.eye(2).double()[:, None, None]  # images of one row
_axes = torch.as_tensor(my_ntk(_unit, _unit, 2.0, 0.0))  # K0 is 2 or 0
assert abs(float(_axes[0, 0]) - 8) < 1e-4, "angle 0: 4 * 2 / 2 + 4 * 2 / 2"
assert abs(float(_axes[0, 1]) - 8 / (2 * math.pi)) < 1e-4, "angle pi / 2: 4 * 2 / (2 pi) + 0"
### END HIDDEN TESTS

# %% [markdown]
# Do not believe a derivation: draw real networks with 500 hidden units, let torch take their gradients, and look. The last
# layer's part should be the first term, the first layer's part the second.

# %%
from ddkit.exercises.lessons.kernels import ntk
from ddkit.training.kernels import InfiniteNetwork, solve

w, b = math.sqrt(2), 0.1  # sigma_w and sigma_b from here on
NTK, NNGP = InfiniteNetwork("NTK", depth=1), InfiniteNetwork("NNGP", depth=1)
torch.testing.assert_close(ntk(T[:50], X, w, b), NTK(T[:50], X))


def gradient_products(images, units, generator):
    """Of one drawn network: products of the outputs' gradients, [2, n, n]: last layer's and first layer's part."""
    d = images.shape[1]
    sizes = ((units,), (), (d, units), (units,))
    v, c, W, beta = (torch.randn(size, generator=generator).double().requires_grad_() for size in sizes)
    hidden = (w / math.sqrt(d) * images @ W + b * beta).relu()
    outputs = w / math.sqrt(units) * hidden @ v + b * c
    slopes = [torch.autograd.grad(output, (v, c, W, beta), retain_graph=True) for output in outputs]
    layers = [torch.stack([torch.cat([g.flatten() for g in one[part]]) for one in slopes])
              for part in (slice(0, 2), slice(2, 4))]
    return torch.stack([layer @ layer.T for layer in layers])


# %%
generator = stream(0, "finite networks")
drawn = torch.stack([gradient_products(X[:2], 500, generator) for _ in range(100)])
formula = torch.stack([NNGP(X[:2], X[:2]), NTK(X[:2], X[:2]) - NNGP(X[:2], X[:2])])
error = drawn.std(0) / math.sqrt(len(drawn))
assert ((drawn.mean(0) - formula).abs() < 5 * error + 1e-9).all()
for part, name in enumerate(("last layer: the NNGP", "first layer: the second term")):
    print(f"{name}; two images, drawn {drawn.mean(0)[part, 0, 1]:.3f} ± {error[part, 0, 1]:.3f} (standard error of "
          f"{len(drawn)} networks), formula {formula[part, 0, 1]:.3f}")

# %% [markdown]
# **Predict:** will the NTK do better than raw products of pixels? A fair comparison gives each its best ridge, and draws the
# hundred images more than once.

# %%
compared = {"products of pixels": [], "NTK": []}
for draw in range(5):
    drawn_set = ddkit.SyntheticSet.from_real(data, profile.ipc, stream(draw, "lesson 7, fair"))
    D = drawn_set.images.double().flatten(1)
    for name, kernel in (("products of pixels", lambda x, z: x @ z.T), ("NTK", NTK)):
        compared[name].append(max(by_ridge(kernel(T, D), kernel(D, D)).values()))
for name, values in compared.items():
    print(f"{name}: {torch.tensor(values).mean():.1f} % (n={len(values)} draws: {values})")
gaps = torch.tensor(compared["NTK"]) - torch.tensor(compared["products of pixels"])
error_of_gap = float(gaps.std()) / math.sqrt(len(gaps))
f"NTK above pixels, draw by draw: {gaps.mean():+.1f} ± {error_of_gap:.1f} points (standard error)"

# %% [markdown]
# Had both been given the same tiny ridge, the gap would look larger than it is. A comparison in which only one side was tuned is
# a trap that is easy to fall into. (Here both sides chose among the same six values on the validation images they are shown on.)

# %%
by_ntk = by_ridge(NTK(T, X), NTK(X, X))
tiny, tuned = by_ntk[1e-6] - pixels[1e-6], max(by_ntk.values()) - max(pixels.values())
assert tiny > tuned
print(by_ntk)
f"on the first set the NTK is {tiny:+.1f} points from pixels at lambda = 1e-6, " \
f"and {tuned:+.1f} with the best lambda of each"

# %% [markdown]
# Which pairs of classes does the kernel take for alike, and are they the ones that it mixes up?

# %%
kernel_plots.kernel_matrix(NTK(X, X), few, "NTK of random real images")

# %%
K_ss = NTK(X, X)
cosines = K_ss / (K_ss.diagonal()[:, None] * K_ss.diagonal()).sqrt()
of_class = torch.nn.functional.one_hot(few.labels, 10).double() / profile.ipc
alike = of_class.T @ cosines @ of_class  # the mean over the pairs of two classes
outside = ~torch.eye(10, dtype=torch.bool)
assert alike.diagonal().mean() > alike[outside].mean()
answers = prediction(NTK(T, X), K_ss, Y, 1e-6 * K_ss.trace() / len(X)).argmax(1)
mixed = torch.bincount(10 * data.val.labels + answers, minlength=100).view(10, 10)
pairs = [(i, j) for i in range(10) for j in range(i)]
most_alike, most_mixed = (sorted(pairs, key=lambda ij: -float((m + m.T)[ij]))[:4] for m in (alike, mixed))
print(f"mean cosine {alike.diagonal().mean():.2f} within a class, {alike[outside].mean():.2f} between classes")
f"most alike {most_alike}, most often mixed up {most_mixed}: {len({*most_alike} & {*most_mixed})} of 4 in both"

# %% [markdown]
# Bright squares on the diagonal are images of one class that look alike to the kernel. Bright places elsewhere need not be its
# mistakes: a prediction weighs all images at once, so a mean cosine alone does not tell which classes are mixed up.
#
# ## What can go wrong: a kernel that has no inverse
#
# An image that is there twice makes two equal rows. The ridge $\rho = \lambda \operatorname{tr}(K)/n$ saves the day; without it
# nothing must be computed, so ddkit's solver says so instead of returning noise. (It works in float64, by **Cholesky's
# decomposition**: a matrix that is *positive definite*, as a ridged kernel is, is the product of a triangular matrix and
# its transpose, and if it is not, the decomposition notices.)

# %%
twice = torch.cat([X, X[:1]])
try:
    solve(NTK(twice, twice), torch.cat([Y, Y[:1]]), ridge=0)
except ddkit.errors.InputError as complaint:
    lesson.say(str(complaint))
shares = solve(NTK(twice, twice), torch.cat([Y, Y[:1]]), ridge=1e-6)
torch.testing.assert_close(shares[0], shares[-1])  # the two share the work

# %% [markdown]
# ## KIP: the gradient through the formula
#
# The prediction of real images $T$ is a differentiable function of the synthetic images $S$ and their targets $Y_s$. So change
# both along the gradient of its squared error: this is **KIP**, kernel inducing points (Nguyen et al., ICLR 2021).
#
#     repeat:
#         draw real images T with labels t, and make their targets Y_t
#         loss = mean over the images of | K_ts (K_ss + rho I)^-1 Y_s - Y_t |^2
#         a step of Adam on S and on Y_s
#
# **Adam** is gradient descent with a step size of its own for each number. No network appears, none is drawn, none is trained.
#
# {MARK kip-loss}
#
# **Exercise.** Write the loss for any kernel. The ridge is $\lambda$ times the mean diagonal entry of $K_{ss}$; the targets of the
# real images are one-hot minus $1/C$; squares are summed over the classes and averaged over the images. You may call
# `prediction`, which stands above.

# %% exercise="kip-loss"
def my_kip_loss(S, Y_s, T, labels, kernel, lam):
    """[n, ...], [n, classes], [N, ...], [N] classes of T, a function of two stacks of images, lambda -> a scalar."""
    ### BEGIN SOLUTION
    classes = Y_s.shape[1]
    Y_t = torch.nn.functional.one_hot(labels, classes).to(Y_s.dtype) - 1 / classes
    K_ss = kernel(S, S)
    predicted = prediction(kernel(T, S), K_ss, Y_s, lam * K_ss.trace() / len(K_ss))
    return (predicted - Y_t).square().sum(dim=1).mean()
    ### END SOLUTION


# %% check="kip-loss"
exercises.check("kip-loss", my_kip_loss)
### BEGIN HIDDEN TESTS
_dot = lambda x, z: x @ z.T  # noqa: E731
_two, _label, _three = (torch.tensor([row]).double() for row in ([2.0], [3.0, 0.0], [1.0]))
_one = my_kip_loss(_two, _label, _three, torch.tensor([0]), _dot, 0.5)
assert abs(float(_one) - 0.5) < 1e-6, "2 / (4 + 2) * [3, 0] = [1, 0] against [0.5, -0.5]"
### END HIDDEN TESTS

# %% [markdown]
# One detail bites: on the diagonal of $K_{ss}$ the angle is 0, where the slope of arccos is infinite. But an image's angle with
# itself is 0 whatever the image is, so its slope has to count as 0. The package's kernel says so explicitly; with our own, `clamp`
# and rounding decide. Whether the package's gradient is right shows a small step to either side.

# %%
from ddkit.exercises.lessons.kernels import kip_loss

some, lam = slice(0, 500), 1e-6  # of the validation images, and the ridge from here on


def loss_on_validation(S, Y_s):
    return kip_loss(S, Y_s, T[some], data.val.labels[some], NTK, lam)


learner = X.clone().requires_grad_()
[gradient] = torch.autograd.grad(loss_on_validation(learner, Y), learner)
step = 1e-5 * gradient / gradient.norm()
sides = [float(loss_on_validation(X + sign * step, Y)) for sign in (1, -1)]
slope = (sides[0] - sides[1]) / 2e-5
assert abs(slope / float(gradient.norm()) - 1) < 1e-3
f"by torch {gradient.norm():.5f}, by two small steps {slope:.5f}"

# %% [markdown]
# Now the whole method, live: a hundred updates of the images and targets from above.

# %%
S, Y_s = X.clone().requires_grad_(), Y.clone().requires_grad_()
adam = torch.optim.Adam([{"params": [S], "lr": 0.05}, {"params": [Y_s], "lr": 0.01}])
train, picks = data.train, stream(0, "live KIP")
before = loss_on_validation(X, Y)
for _ in range(100):
    batch = torch.randint(len(train), (500,), generator=picks)
    loss = kip_loss(S, Y_s, train.images[batch].double().flatten(1), train.labels[batch], NTK, lam)
    adam.zero_grad()
    loss.backward()
    adam.step()
after = loss_on_validation(S, Y_s).detach()
assert after < before
with torch.no_grad():
    K_live = NTK(S, S)
    live = accuracy(prediction(NTK(T, S), K_live, Y_s, lam * K_live.trace() / len(S)))
f"loss {before:.3f} before, {after:.3f} after; validation accuracy {by_ntk[1e-6]} % before, {live} % after"

# %% [markdown]
# ## A distillation by KIP
#
# {MARK kip-record}
#
# What came with ddkit is shown at once and says *shipped*. The mark is for your own. Start Jupyter with `DDKIT_REFERENCE=0`
# (lesson 1 says how), or take a seed that nobody has run: `kernel_course.kip(profile, profile.ipc, seed=7)`. Below the check stands
# how long it took here.
#
# **Predict:** the images start as real digits. Nothing asks them to stay digits. What will they look like?

# %%
kip = kernel_course.kip(profile, profile.ipc)
kip_run = lesson.told(ddkit.run(kip))
kip_score = lesson.told(kernel_course.judged(profile, kip, "NTK"))

# %% check="kip-record"
exercises.made("kip-record", kip_run, kip_score)

# %%
lesson.say(f"{kip_run.updates:,} updates took {kip_run.result['cpu_seconds'] / 60:.1f} minutes of one processor core's "
           f"work (CPU time). By the clock, as the run was told above, it was {kip_run.seconds / 60:.1f} minutes: it "
           f"goes on while a process waits for its turn. The images moved by {kip_run.result['moved']:.0f}.")
plots.loss_curve({"KIP": kip_run})

# %%
kept = kip_run.synthetic
start, end = ((images.double().flatten(1), targets.double())
              for images, targets in ((kept.start, kept.start_labels), (kept.images, kept.labels)))
assert loss_on_validation(*end) < loss_on_validation(*start), "on validation images, which it never saw"
print(f"on {len(T[some])} validation images: loss {loss_on_validation(*start):.3f} at the start, "
      f"{loss_on_validation(*end):.3f} at the end")
plots.start_end_difference(kip_run.synthetic, title="KIP: real images at the start, at the end, and the difference")

# %% [markdown]
# Describe in your own words what happened to the strokes. One thing can be proved about them: this kernel does not know that pixels
# have **neighbours**, so nothing in the loss asks a stroke to hang together. Shuffle the pixels of all images alike, and every
# product stays what it was.

# %%
shuffled = torch.randperm(X.shape[1], generator=stream(0, "shuffle"))
torch.testing.assert_close(NTK(X[:, shuffled], T[:50][:, shuffled]), NTK(X, T[:50]))
"to the NTK of a fully connected network, shuffled digits are as good as digits"

# %% [markdown]
# ## The labels have learned, too
#
# They started as $0.9$ for the image's class and $-0.1$ for all others.
#
# **Predict:** where will a "4" put weight besides its own class? Will all images still speak most for the class they started as?

# %%
kernel_plots.label_heatmap(kip_run.synthetic)

# %%
begun = kept.start_labels.argmax(1)
assert not torch.equal(kept.labels, kept.start_labels)
own = kept.labels.argmax(1) == begun
print(f"{int(own.sum())} of {len(own)} images still speak most for the class they started as; "
      f"labels now go from {kept.labels.min():.1f} to {kept.labels.max():.1f}")
mean_label = kept.labels[begun == 4].mean(0)
mean_label[4] = float("-inf")
f"besides 4, the fours together speak most for {int(mean_label.argmax())} ({mean_label.max():+.2f} on the average) " \
f"and most against {int(mean_label.masked_fill(mean_label.isinf(), 9e9).argmin())}"

# %% [markdown]
# A label is now a statement about ten classes. A network cannot be trained on it by cross-entropy, for it is no distribution (it
# has negative entries): ddkit knows that these labels are *targets*, and regresses the network's outputs on them.
#
# ## Judged by its own kernel
#
# This is a score of a **kernel**: no network has been trained. The published figures are those of the paper's kernel of the same
# kind (fully connected, infinitely wide). The spread is over distillations from other starts, n of them. Fifty images of each of ten
# classes are 392,000 pixels that learn, so as a precaution against learning the training digits by heart those runs see
# the real images shifted, turned or stretched a little, each differently in every update.

# %%
lesson.table(kernel_course.kip_table(profile))

# %%
for ipc, seeds in kernel_course.sizes(profile).items():
    ours = kernel_course.pooled([kernel_course.judged(profile, kernel_course.kip(profile, ipc, seed), "NTK")
                                 for seed in range(seeds)])
    if profile.dataset == "mnist":
        error = f"standard error {100 * ours.se:.2f}" if len(ours.runs) > 2 else "too few for a standard error"
        print(f"{ipc} per class: {100 * ours.mean - kernel_course.PUBLISHED[ipc]:+.1f} points from the published "
              f"{kernel_course.PUBLISHED[ipc]} % (n={len(ours.runs)}, {error})")

# %% [markdown]
# ## Kernels of finite networks: RFAD and FRePo
#
# The infinite *convolutional* network's kernel knows about neighbours, but costs far more than the formula above: every pair
# of *pixels* of every pair of images has an angle of its own. Two ways out:
#
# * **RFAD** (Loo et al., NeurIPS 2022): take a few random networks; the kernel is the product of their embeddings, $K = FF^\top$,
#   drawn anew for every update. Its loss is cross-entropy of the predictions times a learned scale (**Platt's scaling**, which turns
#   scores into probabilities).
# * **FRePo** (Zhou et al., NeurIPS 2022): take networks that are *in training on the synthetic set*. A pool keeps some of
#   different ages; an update uses a few of them, trains these one step, and renews one when it is old.
#
# **Predict:** whose images will serve a *trained* network best: KIP's, RFAD's or FRePo's?

# %%
rfad_run = lesson.told(ddkit.run(kernel_course.featured(profile, "rfad")))
plots.image_grid(rfad_run.synthetic, columns=5, title="RFAD")

# %%
frepo_run = lesson.told(ddkit.run(kernel_course.featured(profile, "frepo")))
plots.image_grid(frepo_run.synthetic, columns=5, title="FRePo")

# %% [markdown]
# Both kinds of network are convolutional and know about neighbours. Is that why their images look different from KIP's? Look for a
# number before you trust your eye. The **roughness** of a set is the mean squared difference of neighbouring pixels, over the variance
# of all pixels: 0 for a flat image, 2 for pure noise.
#
# **Predict** the order: which of the sets is roughest?

# %%
def roughness(images):
    """[N, ch, H, W] -> a number."""
    across, down = images.diff(dim=-1), images.diff(dim=-2)
    return float((across.square().mean() + down.square().mean()) / 2 / images.var())


noise = torch.randn(100, 1, 28, 28, generator=stream(0, "noise"))
rough = {"random real": roughness(few.images), "noise": roughness(noise)}
rough |= {name: roughness(ddkit.run(source).synthetic.images)
          for name, source in kernel_course.sets(profile).items() if name != "random real"}
print(", ".join(f"{name} {value:.3f}" for name, value in sorted(rough.items(), key=lambda pair: pair[1])))

# %% [markdown]
# If the order surprises you, ask what else than neighbours could make an image rough, and how you would test it.
#
# ## What it took

# %%
for name, source in kernel_course.sets(profile).items():
    if isinstance(source, ddkit.Distill):
        made = ddkit.run(source)
        cpu = made.result.get("cpu_seconds")
        told = f"{cpu / 60:.1f} CPU minutes, " if cpu else "CPU time not recorded, "
        print(f"{name:8} {made.updates:6,} updates: {told}{made.seconds / 60:.1f} minutes by the clock")
every = [kernel_course.kip(profile, ipc, seed) for ipc, n in kernel_course.sizes(profile).items() for seed in range(n)]
every = [ddkit.run(spec) for spec in (*every, *(kernel_course.featured(profile, name) for name in ("rfad", "frepo")))]
busy = sum(record.result["cpu_seconds"] for record in every) / 60
assert not all(record.shipped for record in every) or 60 < busy < 120, "as the head of this lesson says"
f"all {len(every)} distillations by kernels in this lesson: {busy:.1f} CPU minutes"

# %% [markdown]
# ## The same set, judged by kernel and by network
#
# Rows: sets. Columns: who answers. The first three are kernels: the infinite network's, the joined features of eight random
# networks, and those of a single network, an eighth as many, that was trained on the set for a hundred updates. The last is what
# the field calls the score: a network trained on the set under the standard protocol.

# %%
lesson.table(kernel_course.judges_table(profile))

# %%
found = {name: {judge: kernel_course.judged(profile, source, judge).scores for judge in kernel_course.JUDGES}
         for name, source in kernel_course.sets(profile).items()}
named = {name: {judge.replace(" ", "\n"): score for judge, score in row.items()} for name, row in found.items()}
plots.transfer_heatmap(named, title=f"Accuracy by set and by who answers ({profile.label})", columns="who answers")

# %% [markdown]
# How far is each set above random real images before the same judge, and is that more than chance? Points ± standard error, the
# numbers of scores on both sides, and a star where chance alone seldom gives so much. Where one side has a single score, no
# error can be had, and nothing can be said.

# %%
lesson.table(kernel_course.leads_table(profile))

# %%
from ddkit.training.kernel_scores import KERNEL_PROTOCOLS

for name, maker in {"KIP": "NTK", "RFAD": "random features", "FRePo": "trained features"}.items():
    own_score = found[name][maker].mean
    best_judge = max(found[name], key=lambda judge, name=name: found[name][judge].mean)
    best_set = max(found, key=lambda other, maker=maker: found[other][maker].mean)
    lesson.say(f"{name} was made for a judge like {maker}, which gives it {100 * own_score:.1f} %. "
               f"Its best judge: {best_judge}. The best set before {maker}: {best_set}.")
own_kernel, judge = kernel_course.featured(profile, "frepo").config, KERNEL_PROTOCOLS["trained_kernel"]
joined = f"{own_kernel.networks} network{'s' * (own_kernel.networks > 1)}"
lesson.say(f"(FRePo itself took the features of {joined} after at most {own_kernel.most_steps} steps of Adam, "
           f"the judge trained features those of {judge.networks} after {judge.updates} of SGD.)")
trained = {name: row["trained network"] for name, row in found.items()}
ranked = sorted(trained, key=lambda name: -trained[name].mean)
kip_lead = Lead.points(trained["KIP"], trained["random real"])
print(f"Before a trained network: {' > '.join(ranked)}.")
f"There KIP's set is {kip_lead.gap:+.1f} points from random real images. {kip_lead.verdict}"

# %% [markdown]
# Read it by columns, then by rows. Is what an infinite fully connected network wants to see of use to a convolutional one? The last
# line compares KIP with images that cost nothing. Do a set's ranks in one column tell its ranks in another? A distilled set is an
# answer, and one has to say *who asked*. The field's tables have both kinds of score side by side; before you compare, look
# which is which.
#
# ### Before wider networks
#
# RFAD, FRePo and DataDAM saw networks of the profile's width only. Here they are judged by networks of width 128 (in
# the quick profile, its own again).
#
# **Predict:** will the gap between the sets become smaller or larger? Whose set should gain most? (The line above the table says on what
# processor the networks were trained: seconds of different processors are not to be compared.)

# %%
wide = kernel_course.wide(profile)
where = sorted({record.device for record in wide.values()})
print(f"distilled with width {profile.width}, judged with width {profile.wide}, trained on {', '.join(where)}")
lesson.scores(wide)

# %%
for name, record in wide.items():
    wider = Lead.points(record.scores, trained[name])
    lesson.say(f"{name}: {wider.gap:+.2f} points by the wider network. {wider.verdict}")
    if name in kernel_course.PUBLISHED_NETWORK and profile.dataset == "mnist":
        paper = kernel_course.PUBLISHED_NETWORK[name]
        print(f"    {100 * record.scores.mean - paper:+.1f} points from the paper's {paper} %")
by_width = [sorted(wide, key=lambda name, scores=scores: -scores[name].mean)
            for scores in (trained, {name: record.scores for name, record in wide.items()})]
f"width {profile.width}: {' > '.join(by_width[0])}; width {profile.wide}: {' > '.join(by_width[1])}"

# %% [markdown]
# ### Distilled on wide networks, too
#
# The sets above were judged by wide networks and made by narrow ones. The course's Table 1 has wide ones all along (`--profile full`), and
# the papers of RFAD and FRePo have wider ones still, which takes a GPU minutes and two processor cores hours. Here are those of the full profile that have been made, each beside
# the set that narrow networks made, before the same judges.
#
# **Predict:** should a judge not prefer what was made by networks of its own width?

# %%
from ddkit.course import full_scale, profiles

full = profiles.profile("full")
lesson.table(full_scale.beside_narrow(full))

# %% [markdown]
# (Minutes are by the clock, on a GPU that other runs shared.) Read the last column. RFAD and FRePo had as many updates in both profiles, so
# that of them the width alone was changed; of DataDAM the updates, too: 300 in the laptop profile and, as Table 1 asks, 1,000 in the full one.
# But there is one set of each width: the error is that of the networks that judge it, and not of distillations.
# What a wide network costs more:

# %%
from ddkit.networks import build
from ddkit.networks.cost import measure

narrow = profiles.profile("laptop")
for one in ("RFAD", "FRePo"):
    assert full_scale.sets(full)[one].total_updates == full_scale.sets(narrow)[one].total_updates
operations = [measure(build("ConvNetD3", 1, 10, 28, width=one.width), (1, 28, 28)).flops for one in (narrow, full)]
f"an image forward, width {full.width} against {narrow.width}: {operations[1] / operations[0]:.0f} times the operations"

# %% [markdown]
# Where that bought nothing, nobody need be wrong: FRePo's authors made 500,000 updates, these are 1,500.
#
# Mind the number of seeds: two values that happen to lie close together make any gap look like many standard errors, which is why
# the sentences above also ask how often so few seeds lead so far by chance. And mind what else differs from the papers (at fifty
# images per class KIP's real images are augmented all the same):

# %%
from ddkit.methods import presets

for name, method in {"KIP": "kip", "RFAD": "rfad", "FRePo": "frepo"}.items():
    lesson.say(f"{name}:", *(f"  - {one}" for one in presets.departures(method, "course")))

# %% [markdown]
# ## For your report
#
# One line writes this lesson's tables and figures, from your records, into the folder `report` (`python -m ddkit report report` lays out
# the whole of it). What is missing is named, and what came with ddkit is marked as shipped.

# %%
from ddkit import report

report.lesson(7, profile)

# %% [markdown]
# ## What you should take away
#
# * Kernel ridge regression is a training with a formula, so the gradient of a set's quality is exact and cheap.
# * The NTK is a product of gradients: one term for each layer that learns, each of them an angle.
# * A kernel has to be handled with care: float64, a ridge in units of its trace, and an honest refusal.
# * Tune both sides of a comparison, or neither.
# * Say who was asked: a score by a kernel and a score by a network are two numbers.
#
# **Questions to yourself**
#
# 1. The ridge is $10^{-6}$ of the mean diagonal. What would a ridge of 1 do to the images that are learned?
# 2. What is the second term of the NTK for $z = -x$ and $\sigma_b = 0$? Why does that make sense for a ReLU?
# 3. With two hidden layers, which terms would $\Theta$ have?
# 4. RFAD draws new networks for every update. What would happen to the images if it kept the same ones?
# 5. How would you report KIP in a table beside DataDAM so that nobody is misled?
# 6. A pair's report: which gap in knowledge does KIP fill, what is new in it, and could it cope with a data set like ImageNet?
#    (What grows with the number of images of the set, with that of the classes, with the pixels?)
#
# **Go further.** Distil with three hidden layers
# (`ddkit.Distill(profile.dataset, "kip", ipc=profile.ipc, options={"network": "NTKD3"})`) and judge the set by both kernels.
# Keep the labels (`learn_labels=False`): how much of KIP's score is theirs? Write the kernel for two hidden layers and hold it
# against `InfiniteNetwork("NTK", depth=2)`.
