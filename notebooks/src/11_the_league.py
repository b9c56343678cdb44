# %% [markdown]
# # 11 · The league: families of methods under one protocol
#
# - **Course part:** {PART}. It is for whoever wants to know the whole field, or to add to it.
# - **You will learn** what each family of methods lets agree, in one equation and one line of code; what else than pixels a set may be
#   stored as, and how to count its bytes; what published tables hide; and to write a method of your own, which is judged like all others.
# - **Before you start:** lessons 2 and 4. Lessons 6 and 7 help.
# - **Time:** an hour and a half. The objectives, the forms and your own method run live on small digits, in seconds each. The league
#   itself is reloaded if its records are at hand; otherwise a small one is made, in about a minute of one processor core.

# %% shared="colab"

# %%
import statistics
import time

import ddkit  # before torch, whose threads it asks to share the processor
import torch
from tabulate import tabulate
from ddkit import plots
from ddkit.course import lesson
from ddkit.course.demonstrations import league as league_course
from ddkit.foundation.randomness import stream

profile = lesson.begin()
digits = ddkit.load("digits")

# %% [markdown]
# ## One wish, many questions
#
# Every method wants the same: networks trained on the small set should do as well as networks trained on all images. Few methods ask
# for this outright, for an honest answer is a whole training, through which one would have to differentiate. So each family puts a
# cheaper question to both sets, and moves the pixels until the answers agree. **What is compared** tells the families apart.
#
# The picture measures it on one network with random weights: fifty real images of a class beside a set as a distillation starts with it,
# one real image per class. (The last two panels take all classes.) A method's work is to bring the squares to the circles, and the
# right map to the left one.
#
# **Predict:** which of them have to train a network, and which need derivatives of derivatives?

# %%
plots.compared(league_course.panels(digits))

# %% [markdown]
# Earlier lessons built attention (2), trajectories (6) and kernels (7). The oldest family is missing in the picture: **DD** (Wang et al.,
# 2018) and its heirs train a network on the set for some steps, ask how it does on *real* images, and differentiate the answer through
# all the steps. That is the honest question, as with kernels, at the price of the longest chain of derivatives.
#
# ## Each objective in one line
#
# Everything below runs, on digits: twenty real images of each class, and two others of each as the synthetic set. Every objective becomes
# a function of the synthetic images alone, so that they can be compared.

# %%
from ddkit.networks import build

network = build("ConvNetD3", digits.channels, 10, digits.size, width=16, generator=stream(0, "lesson 11"))
real = torch.cat([digits.train.of_class(c)[:20] for c in range(10)])
start = torch.cat([digits.train.of_class(c)[20:22] for c in range(10)])
of_real, of_set = (torch.arange(10).repeat_interleave(n) for n in (20, 2))
assert len(real) == 200 and len(start) == 20

# %% [markdown]
# ### Features: DM, CAFE, IDM
#
# Distribution matching (Zhao and Bilen, 2023) asks for the same mean embedding $e$ of every class, on a fresh network for every update:
#
# $$L = \sum_c \Big\lVert \overline{e(T_c)} - \overline{e(S_c)} \Big\rVert^2$$
#
# CAFE adds the maps of all blocks, and classifies real images by the synthetic class means. IDM takes networks that were trained a little.

# %%
from ddkit.methods.matching.classes import squared_distance


def class_means(rows):
    """[10 n, d], sorted by class -> [10, d]."""
    return rows.unflatten(0, (10, -1)).mean(1)


def features(images):
    return squared_distance(*([class_means(network.features(x)[-1])] for x in (real, images)), weights=[1.0])


f"{features(start).item():.2f} from the start to the real images"

# %% [markdown]
# ### Attention: DataDAM
#
# The same with $A$, *where* a block looks, for all blocks but the last, and the embedding with a small weight (lesson 2):
#
# $$L = \sum_c \Big[\sum_l \Big\lVert \overline{A_l(T_c)} - \overline{A_l(S_c)} \Big\rVert^2 + \lambda \Big\lVert \overline{e(T_c)} - \overline{e(S_c)} \Big\rVert^2\Big]$$

# %%
from ddkit.methods.matching.datadam import attention_matching_loss


def seen(images):
    """Maps of all blocks but the last, then the embedding, each [10, n, ...]."""
    *maps, _, embedding = network.features(images)
    return [found.unflatten(0, (10, -1)) for found in (*maps, embedding)]


def attention(images):
    return attention_matching_loss(seen(real), seen(images), lam=0.01, power=1)


f"{attention(start).item():.3f} from the start to the real images"

# %% [markdown]
# ### Characteristic functions: NCFM
#
# Equal means are a weak demand: very different clouds of points share a mean. The **characteristic function** of a class, the mean of
# $e^{i \langle t, f \rangle}$ over its features $f$ (of norm one), says everything about their distribution if one knows it at all
# frequencies $t$. NCFM (Wang et al., 2025) compares it at random ones. With equal weights for amplitude and phase the loss is a
# distance in the complex plane:
#
# $$L = \sum_c \mathbb{E}_t\, \tfrac{1}{\sqrt 2} \big| \Phi_{T_c}(t) - \Phi_{S_c}(t) \big|$$

# %%
from ddkit.methods.matching.characteristic import characteristic_distance, characteristic_rows

frequencies = torch.randn(256, network.features(start)[-1].shape[1], generator=stream(0, "frequencies"))


def characteristic(images, t=frequencies):
    sides = (class_means(characteristic_rows(network.features(x)[-1], t)) for x in (real, images))
    return characteristic_distance(*sides)


f"{characteristic(start).item():.3f} from the start to the real images"

# %% [markdown]
# **Predict:** what does NCFM compare if all frequencies are very small?

# %%
unit = [class_means(torch.nn.functional.normalize(network.features(x)[-1])) for x in (real, start)]
slow = 0.1 * frequencies
means_alone = ((unit[0] - unit[1]) @ slow.T).abs().mean(1).sum() / 2**0.5
ratio = (characteristic(start, slow) / means_alone).item()
assert abs(ratio - 1) < 0.02
f"at a tenth of the frequencies: {ratio:.4f} times what the distance of the class means alone would give"

# %% [markdown]
# The means, DM's question, are the slow end of NCFM's. Fast frequencies ask how a class is spread around its mean.
#
# ### Gradients: DC, DSA, DCC, IDC
#
# Gradient matching (Zhao et al., 2021) asks what a class *does*: in which direction would it move the weights $\theta$?
#
# $$L = \sum_c D\big(\nabla_\theta \ell(S_c), \nabla_\theta \ell(T_c)\big), \qquad D(a, b) = \sum_{\text{rows}} 1 - \cos(a_i, b_i)$$
#
# Between updates the network is trained on the set. DSA augments both sides alike; DCC adds the classes up before it compares; IDC takes
# absolute differences, and networks that are trained on real images.

# %%
from torch.nn.utils import parameters_to_vector
from ddkit.methods.matching.distances import gradient_distance
from ddkit.methods.matching.student import Batch, Student

student, weights = Student(network), parameters_to_vector(network.parameters()).detach()


def gradient(images, labels, c):
    """[P]: of the cross-entropy of class c's images in the weights, with a graph."""
    return student.gradient(weights.clone().requires_grad_(), images, labels, Batch(torch.nonzero(labels == c)[:, 0]))


def gradients(images):
    pairs = [(gradient(images, of_set, c), gradient(real, of_real, c).detach()) for c in range(10)]
    return sum(gradient_distance(one, other, student.shapes) for one, other in pairs)


f"{gradients(start).item():.1f} from the start to the real images"

# %% [markdown]
# **Predict:** how far is a gradient from twice itself for DC? And for Jiang et al. (2022), who add $\lVert a_i - b_i \rVert$ of every row?

# %%
g = gradient(real, of_real, 3).detach()
apart = {metric: gradient_distance(2 * g, g, student.shapes, metric).item() for metric in ("rows", "rows_and_size")}
assert apart["rows"] < 0.05 * apart["rows_and_size"]
{metric: f"{distance:.3f}" for metric, distance in apart.items()}

# %% [markdown]
# The cosine does not see how long a gradient is. (What is left of the first number comes of a small constant against division by zero.)
#
# ### Trajectories: MTT, DATM, PAD
#
# One step is a short look. Trajectory matching (Cazenavette et al., 2022; lesson 6) lets a student take $N$ steps on the set, and asks how
# near it comes to the weights $\theta^*$ that an expert reached on real data:
#
# $$L = \frac{\lVert \theta_N - \theta^* \rVert^2}{\lVert \theta_0 - \theta^* \rVert^2}, \qquad \theta_{i+1} = \theta_i - \alpha \nabla_\theta \ell(S; \theta_i)$$

# %%
from ddkit.methods.matching.trajectory import trajectory_loss

RATE, STEPS = 0.05, 10
expert = student.visited(weights, real, of_real, RATE, [Batch(torch.arange(len(real)))] * STEPS)[-1]


def trajectories(images):
    theta = weights.clone().requires_grad_()
    for _ in range(STEPS):
        theta = theta - RATE * student.gradient(theta, images, of_set, Batch(torch.arange(len(images))))
    return trajectory_loss(theta, weights, expert)


f"{trajectories(start).item():.2f} of the squared way is left for a student on the start"

# %% [markdown]
# ### Kernels: KIP, RFAD, FRePo
#
# Kernel methods (Nguyen et al., 2021; lesson 7) take a model whose training has a closed form, so that they may ask the honest question: how
# wrong on real images is what was fitted to the set?
#
# $$L = \tfrac{1}{m} \big\lVert K_{TS} (K_{SS} + \rho I)^{-1} y_S - y_T \big\rVert^2$$
#
# Here $m$ is the number of real images, and $\rho$ lesson 7's ridge.

# %%
from ddkit.data import Split
from ddkit.training.kernels import InfiniteNetwork, regression_targets, solve

ntk = InfiniteNetwork.named("NTK")
y_real, y_set = (regression_targets(Split(x, y), 10) for x, y in ((real, of_real), (start, of_set)))


def kernels(images):
    x = images.double()
    return (ntk(real.double(), x) @ solve(ntk(x, x), y_set) - y_real).square().sum(1).mean()


nothing = y_real.square().sum(1).mean()
f"{kernels(start).item():.3f} from the start's predictions to the real labels; {nothing:.3f} if nothing were predicted"

# %% [markdown]
# ## What can each of them see?
#
# Six questions, six sets of twenty images: the start; other real images; the start at half the contrast (every normalised pixel halved); the
# mean image of each class, twice; the start with every class under its neighbour's name; noise. The numbers are losses, as multiples of
# the start's.
#
# **Predict:** which questions cannot tell half the contrast from the whole? Does any of them prefer the blurred class means to two sharp digits? Which one
# is hurt most by wrong names?

# %%
objectives = {f.__name__: f for f in (features, attention, characteristic, gradients, trajectories, kernels)}
means = class_means(real.flatten(1)).unflatten(1, real.shape[1:])
sets = {"the start": start, "other real images": torch.cat([digits.train.of_class(c)[22:24] for c in range(10)]),
        "half the contrast": start / 2, "class means, twice": means.repeat_interleave(2, 0),
        "wrong names": start.roll(2, 0), "noise": torch.randn(start.shape, generator=stream(0, "noise"))}
loss = {name: {o: ask(images).item() for o, ask in objectives.items()} for name, images in sets.items()}
relative = {name: [row[o] / loss["the start"][o] for o in objectives] for name, row in loss.items()}
lesson.table(tabulate([[name, *row] for name, row in relative.items()], ("set", *objectives), "github", floatfmt=".2f"))

# %%
same = [o for o, value in zip(objectives, relative["half the contrast"], strict=True) if abs(value - 1) < 0.02]
better = [o for o, value in zip(objectives, relative["class means, twice"], strict=True) if value < 1]
worst = max(zip(relative["wrong names"], objectives, strict=True))
assert "kernels" not in same and {"features", "gradients", "trajectories"} <= set(same)
assert min(relative["wrong names"]) > 1
print(f"blind to contrast: {', '.join(same)}; class means are preferred by {len(better)} of {len(objectives)}")
f"wrong names cost most with {worst[1]}: {worst[0]:.1f} times the start's loss"

# %% [markdown]
# Instance norm divides the contrast out of everything behind it, so every question that goes through these networks is blind to it: images
# may come out pale or glaring. The kernel here is that of a network without norms, and it minds. That is a property of the *network*,
# not of the family: no loss can ask for what its network does not let through.
#
# ### Do they pull the same pixels?
#
# A method's step is its gradient in the images; where two gradients agree, the methods do the same, whatever their equations look like. The
# table has the cosines at the start: 1 is the same direction, 0 nothing in common. **Predict** the pair that agrees most.

# %%
pulls, seconds = {}, {}
for name, ask in objectives.items():
    begun, images = time.perf_counter(), start.clone().requires_grad_()
    pulls[name] = torch.autograd.grad(ask(images), images)[0].flatten()
    seconds[name] = time.perf_counter() - begun
unit = torch.stack([pull / pull.norm() for pull in pulls.values()])
cosines = unit @ unit.T
lesson.table(tabulate([[o, *row] for o, row in zip(objectives, cosines.tolist(), strict=True)], ("", *objectives),
                      "github", floatfmt=".2f"))

# %%
most_alike = None  # such as ("gradients", "kernels")

pairs = [(a, b) for a in objectives for b in objectives if a != b]
names = list(objectives)
top = max(pairs, key=lambda pair: float(cosines[names.index(pair[0]), names.index(pair[1])]))
lesson.answered(most_alike, top, top[::-1])

# %%
spent = ", ".join(f"{o} {found:.2f}" for o, found in seconds.items())
alike = [f"{a} and {b}" for i, a in enumerate(names) for j, b in enumerate(names) if i < j and cosines[i, j] > 0.5]
lesson.say(f"seconds for one loss with its gradient, here and now: {spent}",
           f"{len(alike)} of {len(pairs) // 2} pairs have a cosine above a half: {'; '.join(alike)}")

# %% [markdown]
# ## Why they differ
#
# * **How far they look.** Features, attention and characteristic functions look at a network as it is: one pass forward, one back.
#   Gradients look one step ahead, which takes a derivative of a derivative. Trajectories look $N$ steps ahead and need experts first.
#   Kernels look to the end of the training, of a model that is none of the networks in use.
# * **Whether labels count.** The first three compare class with class and never ask what a training would make of it. Gradients,
#   trajectories and kernels know the labels, and may learn them.
# * **What is averaged.** A mean cannot tell many sets apart. That is a weakness (images that teach nothing may have the right mean) and a
#   strength (it is soon reached).
# * **What the network was.** Random, trained on the set, on real data, a pool of several ages: many differences between papers of one
#   family lie here.
#
# One setting turns some of these methods into others, and ddkit's tests hold them to it: DSA without its augmentation is DC bit for bit, and
# DataDAM without maps, on a fresh network for each update, is DM.

# %% [markdown]
# ## What is stored need not be pixels
#
# The surveys' fourth family leaves the question and changes what is *stored*: images are **decoded** from something smaller, and the gradient
# is pulled back through the decoder to what is learned. In ddkit a set has a **form**: how its images are made of what is stored. A
# method asks for the images, hands back a slope in them, and never learns which form it was; so every form goes with every objective.
#
# * **multi-formation** (IDC): each stored image is cut into four, and each part enlarged to the full size;
# * **bases** (RTP, "LinBa"): a few small basis images that all classes share, and for each image a row of coefficients;
# * **frequencies** (FreD): of each image only those coefficients of its cosine transform that differ most within its class;
# * **hallucinators** (HaBa), **decoders** with codes (KFS), **pca**: small programs, learned or fixed, that turn short codes into images;
# * **bytes**: a pixel in eight bits in place of thirty-two;
# * **corrupted** (KIP and RFAD with a share $\rho$): some pixels are noise and stay so, to hide the images that a set begins from.
#
# All of them below hold the bytes of *one* float32 image per class, 10 · 28 · 28 · 4. **Predict:** which holds the most images?

# %%
budget = 4 * 10 * digits.channels * digits.size**2
stored = league_course.stored(digits)
assert all(form.size().bytes <= budget for form in stored.values())
print(f"{budget:,} bytes to be filled")
lesson.table(league_course.stored_table(stored))

# %% [markdown]
# More images for the same bytes, but what do they look like? Each form begins as near as it can to real images; here are those of one class
# (how many there are stands beside the name; at most ten are shown).

# %%
fives = {f"{name}: {form.ipc}": form.decode()[form.labels == 5] for name, form in stored.items()}
plots.decoded(digits, fives, f"What {budget:,} bytes hold of one class, before distillation")

# %% [markdown]
# Nothing is free: small images are blurred when they are enlarged, few frequencies leave out what is fine, and shared bases make all images
# relatives. Whether many poor images teach more than few good ones is decided by a score at equal bytes.
#
# **Predict:** a form stores fewer numbers than its images have pixels. What becomes of the gradient?

# %%
for name, form in stored.items():
    learned = [part.requires_grad_() for part in form.parts.values()]
    images = form.decode()
    slope = torch.randn(images.shape, generator=stream(0, "slope"))
    pulled = torch.autograd.grad(images, learned, slope)
    print(f"{name}: a slope of {slope.numel():,} numbers is pulled back to {sum(p.numel() for p in pulled):,}")

# %% [markdown]
# The chain rule adds up the wishes of all pixels that hang on one number. What they cannot wish for one by one, such a set cannot show.
#
# ## What the published tables hide
#
# Tables invite to compare what is not comparable. Four things to ask of every row:
#
# **How many bytes?** Tables have columns for 1, 10 and 50 images per class, and forms stand in the column that their authors named.

# %%
def hallucinator(channels, maps, kernel, side):
    """Numbers in one of HaBa's: two convolutions with biases, and a learned scale and shift of every place."""
    convolutions = 2 * channels * maps * kernel**2 + maps + channels
    return convolutions + 2 * maps * (side - kernel + 1) ** 2


def memories(ipc, classes, pixels, bases, shrink):
    """Images of each class that fit where LinBa's bases and coefficients take the bytes of ipc images."""
    return (ipc * classes * pixels - bases * pixels // shrink**2) // (classes * bases)


mnist, cifar = 28 * 28, 3 * 32 * 32
extra = 5 * hallucinator(1, 1, 3, 28) / (10 * mnist)
assert hallucinator(1, 1, 3, 28) == 1372 and memories(1, 10, cifar, 16, 2) == 115
print(f"HaBa's five hallucinators on MNIST: the bytes of {extra:.2f} images per class more than its column says")
f"LinBa with 4 bases in the bytes of 1 image per class of MNIST: {memories(1, 10, mnist, 4, 2)} images of each class"

# %% [markdown]
# So "1 image per class" may be nearly two in bytes, or 176 to a network. FreD's published sizes do not count the masks that say which
# frequencies are kept. A fair table has a column for bytes and one for decoded images, and compares at equal *bytes*.
#
# **How many updates?** "1,000 epochs" is a number of passes over the set. **Predict:** two sets of equal bytes are trained on for 1,000 epochs,
# one of pixels, the other with four decoded images for each stored one. Does either get more updates?

# %%
from ddkit.training import PROTOCOLS

how, rows = PROTOCOLS["standard"], []
for ipc in (1, 10, 50):
    updates = [how.epochs * -(-10 * ipc * parts // how.batch) for parts in (1, 4)]
    rows.append((ipc, *(f"{n:,}" for n in updates), f"{updates[1] / updates[0]:g}"))
headers = ("images per class", "updates on pixels", "on four times as many images", "ratio")
lesson.table(tabulate(rows, headers, "github", disable_numparse=True, colalign=("right",) * 4))

# %% [markdown]
# Small sets fit into one batch whatever their form. Large ones do not, and then equal epochs give the form with more images more training. The
# league gives all sets of a budget the same number of updates.
#
# **Which epoch?** Several codes test after every few epochs and print the best. That is a choice on test data, and what it wins has nothing to
# do with the set. **Predict** what it wins on digits.

# %%
from dataclasses import replace
from ddkit.data import augment
from ddkit.networks import build_for
from ddkit.synthetic import SyntheticSet
from ddkit.training import fit, test

EPOCHS, EVERY = 200, 10
twenty = SyntheticSet.from_real(digits, 2, stream(0, "twenty")).training_split()
curves = []
for seed in range(3):
    curve, learner = [], build_for(digits, "ConvNetD3", 16, stream(seed, "evaluation network"))
    fit(learner, twenty, replace(how, epochs=EPOCHS), stream(seed, "evaluation order"), quiet=True,
        strategy=augment.default_strategy(digits.flips), watch=lambda epoch, net, curve=curve: curve.append(
            100 * test(net, digits.test)["accuracy"]) if epoch % EVERY == 0 else None)
    curves.append(curve)

# %%
gained = [max(curve) - curve[-1] for curve in curves]
assert min(gained) >= 0
lesson.say(f"accuracy in % after every {EVERY} epochs of the first network: {', '.join(f'{v:.1f}' for v in curves[0])}")
mean = sum(gained) / len(gained)
f"to report the best in place of the last wins {mean:.2f} points, the mean of {len(curves)} networks"

# %% [markdown]
# **Who copied what?** Surveys copy tables from papers, which copy from papers. In these places two sources of one number disagree:

# %%
lesson.table(league_course.errata())

# %% [markdown]
# Whoever chooses a method for a lead of half a point should know that copying alone makes such leads.
#
# ## By better rules: one question, several forms
#
# Equal bytes, equal updates, the last epoch, five networks: DM moves sets of several forms, each in the bytes of one image per class of digits.
# **Predict:** does any of them lead the pixels by more than chance?

# %%
from ddkit import methods
from ddkit.methods import presets
from ddkit.methods.loop import distill
from ddkit.training import evaluate
from ddkit.training.leads import Lead

dm = presets.configure("distribution", "dm", {"network": "ConvNetD3", "width": 16, "real_batch": 64})
equal, judged = replace(how, epochs=None, updates=100), {}
for name in [one for one in ("pixels", "multi-formation", "frequencies") if one in stored]:
    synthetic = SyntheticSet.of_form(stored[name].copy(), digits, "real")
    distill(methods.get("distribution")(dm), synthetic, digits, updates=40, seed=0, quiet=True)
    judged[name] = evaluate(synthetic.training_split(), digits, "ConvNetD3", equal, range(profile.seeds), width=16,
                            quiet=True)

# %%
assert len({run["updates"] for scores in judged.values() for run in scores.runs}) == 1
for name, scores in judged.items():
    lead = Lead.points(scores, judged["pixels"])
    told = f"; {lead.gap:+.2f} ± {lead.error:.2f} points from pixels. {lead.verdict}" if name != "pixels" else ""
    lesson.say(f"{name}, {stored[name].size().bytes:,} bytes, {stored[name].size().decoded} images: {scores}{told}")

# %% [markdown]
# With one image per class a form can buy variety where it is dearest: one sharp digit is one handwriting. With many images the variety is
# there anyway. So expect the same form to do differently in other columns, and look.
#
# ## The league
#
# So ddkit plays its own: every method distils for the same processor time, in the bytes of as many images per class; every set is scored
# under the same protocol, with equal updates, at the last epoch. Beside each stand its start, random real images, herding, and what was
# published, with the source. `python -m ddkit league` plays it from a terminal. Here are its records on real data, if there are any; else a small league
# is played on digits.
#
# **Predict** before you run the next cell: which family leads? Does any method fail to beat its own start?

# %%
from ddkit.applications.league import plots as league_plots, report as league_report
from ddkit.applications.league.at_hand import at_hand
from ddkit.applications.league.entrants import ENTRANTS
from ddkit.applications.league.rows import rows as rows_of
from ddkit.applications.league.settings import of_profile
from ddkit.applications.league.work import play

small = of_profile("quick", ipcs=(1,), entrants=("datadam", "dm", "kip"), seeds=3, full=False)
league = at_hand(of_profile(profile.name)) or small
played = play(league, quiet=True)
lesson.say(league.rules, *(f"without a row: {sentence}" for sentence in played.failed.values()))

# %%
tables = [f"**{ipc} per class, or as many bytes**\n\n{league_report.table(played, ipc, 'github')}"
          for ipc in league.ipcs]
lesson.table("\n\n".join([*tables, league_report.key(played), *league_report.sources(played)]))

# %% [markdown]
# Some methods played with other images, too, in as many bytes (multi-formation, bases, frequencies). **Predict:** does a form help every method
# alike? The same rows again, a column for each form, with the lead over the method's own pixels:

# %%
formed = {ipc: league_report.by_form(played, ipc) for ipc in league.ipcs}
lesson.table("\n\n".join(f"**{ipc} per class, or as many bytes**\n\n{table}" for ipc, table in formed.items() if table)
             or "*In this small league no method plays with a form and without.*")

# %% [markdown]
# (RFAD learns labels, too, one for each image that a sheet decodes to: a twentieth more bytes. What had been hoped for before anybody played: that one form or another lifts a method by five points at one image per class.)

# %%
for ipc in league.ipcs:
    lifts = league_report.lifts(played, ipc)
    if lifts:
        (method, form), most = max(lifts.items(), key=lambda one: one[1].gap)
        lesson.say(f"{ipc} per class: {form} adds most to {method}, {most.gap:+.2f} ± {most.error:.2f} points, and "
                   f"five or more to {sum(lead.gap >= 5 for lead in lifts.values())} of {len(lifts)}")

# %% [markdown]
# Read the large table from left to right before you look for a winner: what a set weighs, what it decodes to, what it cost, where it began. Then the
# leads, each with its standard error and a star where even so few networks tell it apart. Rates of images come from short trials on validation
# images; with ten per class not every method had them, and one that is behind may be so for its rate alone. In short:

# %%
order = {ipc: [row for row in rows_of(played, ipc) if row.start] for ipc in league.ipcs}
for ipc, table in order.items():
    leads = {row.title: row.score.lead(row.start) for row in table}
    gains = {name: lead for name, lead in leads.items() if lead.told_apart and lead.gap > 0}
    print(f"{ipc} per class: {len(gains)} of {len(leads)} sets are ahead of their start by more than chance gives")
    for which, of in {"least": min, "most": max}.items():
        name = of(gains, key=lambda name, gains=gains: gains[name].gap, default=None)
        if name:
            lead = gains[name]
            print(f"    {which} of them {name}: {lead.gap:+.2f} ± {lead.error:.2f} points (standard error)")

# %% [markdown]
# Is anybody not ahead of its own start, of random real images, or of real images that were chosen by herding? And why can that be?

# %%
WHY = {"KIP": "its images were made for the kernel of an infinitely wide network and for targets, not classes; that "
              "kernel reads them (lesson 7), a narrow network that is trained on them need not"}
WHY |= dict.fromkeys(("LD", "LD, ridge"), "its images stay the real ones; labels alone are learned, for a short "
                     "training that belongs to them (`python -m ddkit league` tells its score in that)")
WHY |= dict.fromkeys(("LinBa", "GTN, in small"), "its start decodes to many nearly real images of each class, and "
                     "what it learns is a training of ten steps, not of a thousand")
WHY |= {"SLDD": "images that began as noise, and their labels, belong to a training of ten steps at rates of its own",
        "PSG, epsilon 10": "its gradients carry the noise that hides single real images, and it begins from noise"}

# %%
def ahead(row, other):
    lead = row.score.lead(other)
    return lead.gap > 0 and lead.told_apart


def why(row, ipc, league):
    stored, chosen_at = ipc * league.classes, of_profile(profile.name).width
    if league.width != chosen_at and row.title not in WHY:
        return f"its rate of images was chosen for networks of width {chosen_at}"
    if row.decoded > stored and not ahead(row, row.start) and row.title not in WHY:
        return f"its start has {row.decoded:,} nearly real images in the bytes of {stored}, hard to surpass in minutes"
    name = next(name for name, who in ENTRANTS.items() if who.title == row.title)
    asked = replace(league.distillation(name, ipc), options=()).total_updates
    enough = " or fewer, so that the reason is not known" * (asked <= row.updates)
    return WHY.get(row.title) or f"{row.updates:,} updates; its preset asks for {asked:,}{enough}"

# %%
def behind(played):
    for ipc in played.league.ipcs:
        table = rows_of(played, ipc)
        others = {"its start": None, **{row.title: row.score for row in table[:2]}}  # random real, herding
        sets, blamed = [row for row in table if row.start], []
        for what, score in others.items():
            names = [row.title for row in sets if not ahead(row, score or row.start)]
            blamed += names
            lesson.say(f"{ipc} per class, not ahead of {what} by more than chance gives: "
                       f"{'; '.join(names) or 'nobody'}")
        for row in sets:
            if row.title in blamed:
                lesson.say(f"    {row.title}: {why(row, ipc, played.league)}")


behind(played)

# %% [markdown]
# Where only the updates are told, they are all that is known, and no proof of a reason: three minutes hold few of them, but whether more would help, only
# more can say (some play ten times as long below). Herding (lesson 5) learns nothing: it only chooses real images, in seconds. Whoever is not
# ahead of it has, in these minutes, not earned its cost.

# %%
for ipc, (best, *others) in order.items():
    close = [row.title for row in others if not best.score.lead(row.score).told_apart]
    lesson.say(f"{ipc} per class: {best.title} has the highest mean, {best.score}; {len(close)} of {len(others)} "
               f"others cannot be told apart from it by so few networks{': ' * bool(close)}{'; '.join(close)}")

# %% [markdown]
# The highest mean is not "the best method" while others cannot be told apart from it, and it stands for *these* minutes, on these data, for
# one network. A method whose updates are dear got few of them here (look at the column of updates): with ten times the budget the order
# may be another.

# %%
league_plots.ranked(played)

# %% [markdown]
# The same scores against what was spent: all had about the same minutes, those of experts on top and not drawn (a start and real images took
# none), and one image's bytes hold different numbers of images.

# %%
league_plots.against_minutes(played)

# %%
league_plots.against_bytes(played)

# %% [markdown]
# So much for three minutes, one set of each, and digits. Other leagues ask what else decides; they have been played as far as their tables
# show. **Predict** before each. First ten times the minutes: who gains most, those whose updates are cheap or those whose are dear?

# %%
from ddkit.applications.league.settings import aside


def asked(which):
    """Another league, as far as it has been played; None if it has not."""
    found = at_hand(aside(which, profile.name))
    return found and play(found, quiet=True)


def shown(others):
    """Its rules and tables, and who is not ahead."""
    if others is None:
        return lesson.table("*Nobody has played this league yet.*")
    behind(others)
    tables = (league_report.table(others, ipc, "github") for ipc in others.league.ipcs)
    return lesson.table("\n\n".join([others.league.rules, *tables, league_report.key(others)]))


longer = asked("longer")
shown(longer)

# %% [markdown]
# Was it worth the wait? Each beside its own score in the league above, and its lead in points (`*`: told apart from chance):

# %%
lesson.say(*league_report.gained(played, longer) or ["nobody has played in both"])

# %% [markdown]
# A minus says that more updates of a loss may cost accuracy: what is matched is not what is judged. If such a method was behind above, it was not
# for want of updates.
#
# Before anybody had played, ddkit's makers wrote down what they hoped for from at most half an hour of a core:

# %%
lesson.say(*league_report.hoped(played, longer) or ["no hope was written down for what is played here"])

# %% [markdown]
# With fifty images per class random real ones are a strong opponent, and chosen ones a stronger. What is left to gain?

# %%
shown(asked("more images"))

# %% [markdown]
# So far ± told of networks that were trained on one set (only random real images were drawn anew for each network). Another seed makes another set
# of the same method. Here every method made three, and each set counts once:

# %%
several = asked("several sets")
shown(several)

# %% [markdown]
# Do sets of one method differ by more than the networks that judge them do?

# %%
for game in several.games if several else ():
    scores = [record.scores.headline for record in game.scored]
    spread = statistics.stdev(100 * one.mean for one in scores)
    chance = statistics.fmean((100 * one.se) ** 2 for one in scores) ** 0.5
    lesson.say(f"{ENTRANTS[game.entrant].title}, {game.ipc} per class: standard deviation of the {len(scores)} sets' "
               f"means {spread:.2f}; the networks alone would give {chance:.2f}")
if several is None:
    print("that takes several sets of a method")

# %% [markdown]
# Where sets differ by more, the ± of the large tables tells of one set, and too little of its method: with another seed a small lead may turn
# round.
#
# Do the same sets lead on other images? These played with the rates that were chosen on digits. **Predict:** by how much does a set of shoes
# and shirts lead over random ones?

# %%
shown(asked("other images"))

# %% [markdown]
# And networks of width 128, the papers' usual one, to match on and to be judged by?

# %%
wider = asked("wider networks")
shown(wider)

# %% [markdown]
# Here everybody played with the rate of images that was chosen on narrow networks. Wider ones have more features, so a loss that sums over
# them (as that of DM does; of DataDAM's only the term of embeddings) is larger, and so is every step. **Predict:** whose loss falls less far than it did on narrow networks?

# %%
def fallen(game):
    """The mean loss of the first updates and of the last, a hundredth of all each."""
    losses = [update["loss"] for update in game.distilled[0].result["losses"]]
    some = -(-len(losses) // 100)
    return statistics.fmean(losses[:some]), statistics.fmean(losses[-some:])


for game in wider.games if wider else ():
    for one in (*(one for one in played.games if (one.entrant, one.ipc) == (game.entrant, game.ipc)), game):
        spec, (first, last) = one.distilled[0].spec, fallen(one)
        lesson.say(f"{ENTRANTS[one.entrant].title}, {one.ipc} per class, width {spec['width']}: loss {first:.3g} at "
                   f"first, {last:.3g} at last ({100 * last / first:.0f} %), {spec['updates']:,} updates")
if wider is None:
    print("that takes a league of wider networks")

# %% [markdown]
# A loss that stays high and restless speaks for a step that is too long; only a run with a smaller rate, chosen on validation images, can say so.
#
# **Think:** a real image takes one byte for a pixel, a distilled one four. How many random real images have the bytes of a distilled set, and
# where would they lie in the picture of bytes? (Lesson 8 has the curve.)
#
# Is the order the published one? Of every two methods with a published number (but for CAFE, whose number is of CAFE with DSA's augmentation): who
# leads there, who leads here, and is the lead here more than chance?

# %%
for ipc, table in order.items():
    told, against = 0, []
    known = [(row, row.published.at(league.dataset, ipc)) for row in table if row.published and row.title != "CAFE"]
    known = [(row, percent) for row, percent in known if percent is not None]
    for place, (one, said) in enumerate(known):
        for other, also in known[place + 1 :]:
            if said != also and one.score.lead(other.score).told_apart:
                told += 1
                against += [f"{one.title} over {other.title}"] * (said < also)
    lesson.say(f"{ipc} per class: {len(known)} methods have a published number on {league.dataset}; {told} pairs are "
               f"told apart here, {len(against)} of them the other way round than published{': ' * bool(against)}"
               f"{'; '.join(against)}")

# %% [markdown]
# Where orders differ, nobody needs to be wrong: network and width, augmentation, budget, protocol and the choice of the epoch differ, too.
#
# The rules differ as well. **DD-Ranking** (Li et al., 2025) asks two more questions, against random real images and the full data: what is a
# set worth when its labels are plain classes (**LRS**), and when both sides are augmented (**ARS**)? `python -m ddkit rank-league` trains the networks for
# them. The sets ranked here have plain classes for labels as it is, so no label can be their merit. **Predict:** does the order stay, then?

# %%
from ddkit.applications.rankings import of_league

ranked = of_league.told(of_league.at_hand(played), "github")
lesson.table("\n\n".join(ranked)) if ranked else print("no set of this league has been ranked yet")

# %% [markdown]
# Scores between 0 and 1 bend every difference: read HLR and IOR, which are shares, beside them.
#
# ## A method of your own
#
# A method is one update of a synthetic set. `start` is given the data, the set and a source of random streams; `update` makes one step and
# returns its losses; two more functions let a stopped run go on to the same bits. All else (progress, checkpoints, validation, the
# refusal of sets that did not move) belongs to the loop, which knows no method by name: write a class and hand it over. The shortest file
# of a method, to copy from:

# %%
import inspect

files = {name: inspect.getsource(inspect.getmodule(found)).splitlines() for name, found in methods.METHODS.items()}
shortest = min(files, key=lambda name: len(files[name]))
assert "update" not in vars(methods.get(shortest))
f"{shortest}: {len(files[shortest])} lines in {methods.get(shortest).__module__}"

# %% [markdown]
# It shares its update with its family. Here is an objective with an update of its own, the plainest that there is, without any network: the
# mean *image* of every class should be that of the real images.
#
# $$L = \sum_c \big\lVert \overline{T_c} - \overline{S_c} \big\rVert^2$$
#
# From here on the lesson needs none of the cells above; to begin on your own, copy it from here.

# %%
import ddkit
import torch
from ddkit.foundation.randomness import stream
from ddkit.methods.loop import distill
from ddkit.methods.method import Method
from ddkit.synthetic import SyntheticSet

digits = ddkit.load("digits")


# %%
class MeanImages(Method):
    """The mean image of every class should be that of the real ones."""

    def start(self, dataset, synthetic, rng):
        self.synthetic = synthetic
        self.wanted = torch.stack([dataset.train.of_class(c).mean(0) for c in range(len(dataset.classes))])
        self.optimiser = torch.optim.SGD(synthetic.groups(self.config["image_lr"]), momentum=0.5)

    def update(self):
        images = self.synthetic.leaf()
        loss = (images.unflatten(0, (len(self.wanted), -1)).mean(1) - self.wanted).square().sum()
        self.optimiser.zero_grad()
        self.synthetic.pull(torch.autograd.grad(loss, images)[0])
        self.optimiser.step()
        self.synthetic.constrain()
        return {"loss": loss.item()}


# %% [markdown]
# What it needs to be resumed, in two lines that every method with an optimiser has:

# %%
MeanImages.state_dict = lambda self: {"optimiser": self.optimiser.state_dict()}
MeanImages.load_state_dict = lambda self, state: self.optimiser.load_state_dict(state["optimiser"])

# %% [markdown]
# **Predict:** what will ten images, one per class, be when this loss is zero? Do networks learn more from them than from the real digits that
# they started as? And how will the images of a class differ in the end if there are two?

# %%
mine, histories = {}, {}
for ipc in (1, 2):
    mine[ipc] = SyntheticSet.from_real(digits, ipc, stream(0, "init"))
    histories[ipc] = distill(MeanImages({"image_lr": 0.1 * ipc}), mine[ipc], digits, updates=100, seed=0, quiet=True)
{ipc: f"loss {h.losses[0]['loss']:.1f} to {h.losses[-1]['loss']:.1g}, moved by {mine[ipc].moved:.1f}"
 for ipc, h in histories.items()}

# %%
from ddkit import plots

plots.start_end_difference(mine[2], per_class=2, title="Two images per class, matched by their mean image")

# %% [markdown]
# One image becomes the class's mean. Two images of a class got the *same* change, for the loss knows no more than their mean: they differ by
# what they differed by at the start. All methods of means leave such a freedom; networks in between make it smaller.

# %%
for ipc, synthetic in mine.items():
    pair = synthetic.images.unflatten(0, (10, ipc)), synthetic.start.unflatten(0, (10, ipc))
    apart = [float((images[:, 0] - images[:, -1]).norm()) for images in pair]
    print(f"{ipc} per class: the images of a class are {apart[0]:.2f} apart, at the start {apart[1]:.2f}")
    assert abs(apart[0] - apart[1]) < 1e-3

# %% [markdown]
# Now it is judged like every other: five networks on each set, the standard protocol (for a tenth of its epochs, to be quick), and its start beside it.

# %%
from dataclasses import replace
from ddkit.training import PROTOCOLS, evaluate
from ddkit.training.leads import Lead

how = replace(PROTOCOLS["standard"], epochs=100)
verdicts = {}
for ipc, synthetic in mine.items():
    scores, before = (evaluate(one.training_split(), digits, "ConvNetD3", how, range(profile.seeds), width=16,
                               quiet=True)
                      for one in (synthetic, synthetic.undistilled()))
    lead = verdicts[ipc] = Lead.points(scores, before)
    print(f"{ipc} per class: {scores}, its start {before}")
    print(f"    {lead.gap:+.2f} ± {lead.error:.2f} points. {lead.verdict}")

# %% [markdown]
# When your method has earned it, bring it into the package: a file in `ddkit/methods/matching` with the class, a `Config` that declares its
# knobs, `PRESETS`, and `METHOD = MeanImages`. It is found by being there, and has records and a flag for every knob of its own; a line in
# the league's `ENTRANTS` lets it play. Every form goes with it.
#
# ## What you should take away
#
# * A family is what it compares: features, attention, frequencies, gradients, weights after many steps, or predictions.
# * What a network does not let through, no loss behind it can ask for.
# * The form of a set is another choice than the question; count bytes and decoded images, both.
# * A table without bytes, updates, the epoch that was reported and n is an advertisement.
# * "Highest mean" and "best" are two statements.
#
# **Questions to yourself**
#
# 1. Which two of the six objectives would you combine, and what do their cosines say about that?
# 2. All objectives but one were blind to contrast. Which layer would you change so that none is? What else would change?
# 3. DM's loss can be zero for a set that teaches nothing. Describe one. Can NCFM's be? Can the kernels'?
# 4. A form decodes a hundred images from the bytes of ten. Under equal epochs and under equal updates: who is favoured, and when?
# 5. Five methods are within one standard error of each other. What would it cost to tell the first from the second, in networks and in minutes?
# 6. Why must the league's rates and budgets not be chosen on test data, although every method would be treated alike?
# 7. `MeanImages` needs no network, no derivative of one, and beats or does not beat its start above. What does that say about the data?
#
# **Go further.** Give `MeanImages` eyes: compare means of `torch.relu(images.flatten(1) @ P)` with a random matrix `P`, drawn anew in every
# update. How near does it come to DM? Let it drive another form. Play the league at ten times the minutes, and see who overtakes whom.
