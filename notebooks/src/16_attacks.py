# %% [markdown]
# # 16 · Attacks: networks that are misled, and sets that carry a trigger
#
# - **Course part:** {PART}. It is for who wants to use a set that somebody else made, or networks that were trained on one.
# - **You will learn** to mislead a network by changes that an eye would not mind, what their size is counted in, and why "robust" is a
#   word to be careful with; whether networks trained on few images are easier to mislead; how a trigger that was hidden in the
#   real data comes through a distillation, and how to look for it.
# - **Before you start:** lessons 2 and 4. Lesson 7 helps.
# - **Time:** an hour. The attacks run live on small digits. Scores are reloaded if their records are at hand; otherwise small ones are
#   made, in less than a minute of one processor core.

# %% shared="colab"

# %%
import time

import ddkit  # before torch, whose threads it asks to share the processor
import torch
import torch.nn.functional as F
from ddkit import plots
from ddkit.course import lesson
from ddkit.foundation.randomness import stream

profile = lesson.begin()
digits = ddkit.load("digits")
begun = time.process_time()

# %% [markdown]
# ## A step against the label
#
# A network learns by small steps *down* the loss, in its weights. Whoever wants it to err takes a small step *up*, in the image
# (Szegedy et al., 2014). The result is an **adversarial example**, if the step is so small that an eye would not mind.
#
# "Small" has to mean something. The custom: no pixel may change by more than $\epsilon$. So the attacker searches the **epsilon-ball**
# $\lVert \delta \rVert_\infty \le \epsilon$. For a linear model with two classes, $y = \pm 1$ and score $w \cdot x$, one can say what the worst change is:
#
# $$\min_{\lVert \delta \rVert_\infty \le \epsilon} y\, w \cdot (x + \delta) = y\, w \cdot x - \epsilon \lVert w \rVert_1, \qquad \delta = -\epsilon\, y\, \mathrm{sign}(w)$$
#
# Every pixel gives its little, and all of them pull the same way. Threes against eights, by least squares:

# %%
threes, eights = (digits.train.of_class(c).flatten(1).double() for c in (3, 8))
x, y = torch.cat([threes, eights]), torch.cat([torch.ones(len(threes)), -torch.ones(len(eights))]).double()
w = torch.linalg.solve(x.T @ x + 50 * torch.eye(784).double(), x.T @ y)
tested = torch.cat([digits.test.of_class(c).flatten(1).double() for c in (3, 8)])
truth = torch.cat([torch.full((len(digits.test.of_class(c)),), sign).double() for c, sign in ((3, 1), (8, -1))])
margin = truth * (tested @ w)
share = 100 * (margin > 0).double().mean()
f"{share:.0f} % of {len(truth)} test images right, with a margin of {margin.median():.2f} in the middle"

# %% [markdown]
# **Predict:** by how much must every pixel change, of 1 from black to white, before half of the images are called wrong? Write a number into the
# next cell.

# %%
enough = None  # such as 0.5

mean, std = digits.mean[0], digits.std[0]  # images are normalised: a pixel's change counts 1 / std times
needed = float((margin * std / w.abs().sum()).median())
lesson.answered(None if enough is None else round(enough, 1), round(needed, 1))

# %% [markdown]
# If you were surprised: a random change of this size hardly matters, since its parts cancel, while the worst one adds up. With $d$ pixels the
# first grows as $\sqrt d$, the second as $d$.

# %%
for epsilon in (0.02, 0.05, 0.1):
    worst = margin - epsilon / std * w.abs().sum()
    signs = 2 * torch.randint(2, tested.shape, generator=stream(0, "signs")).double() - 1
    random = truth * ((tested + epsilon / std * signs) @ w)
    right = [100 * (found > 0).double().mean() for found in (margin, random, worst)]
    print(f"epsilon {epsilon}: {right[0]:.0f} % right as they are, {right[1]:.0f} % with random signs, "
          f"{right[2]:.0f} % with the worst")
    assert right[2] <= right[1]

# %% [markdown]
# ## Epsilon of what?
#
# $\epsilon = 0.3$ is the custom on MNIST, and it is a difference of **pixels in $[0, 1]$**. Networks here see normalised images. **Predict:** how
# large is it there? (Papers and codes have been compared that meant different things by the same number.)

# %%
from ddkit.networks.attacks import Ball, fgsm, pgd

around = Ball(0.3, digits.mean, digits.std)
seen_as = float(around.radius(digits.test.images))
assert abs(seen_as - 0.3 / std) < 1e-6
lesson.say(f"digits have a standard deviation of {std:.3f}, so that 0.3 is {seen_as:.3f} there; "
           f"a pixel stays between {-mean / std:.2f} and {(1 - mean) / std:.2f}")

# %% [markdown]
# ## A network
#
# A network is not linear, but near an image it nearly is. **FGSM** (Goodfellow et al., 2015) takes it for linear and makes one step of the whole size,
# $x' = x + \epsilon\, \mathrm{sign}\, \nabla_x \ell$. **PGD** (Madry et al., 2018) makes many small ones from a random point of the ball, and goes back into the
# ball after each. By hand:

# %%
def by_hand(network, images, labels, epsilon):
    """FGSM: one step, then back to pixels that there are."""
    leaf = images.clone().requires_grad_()
    slope = torch.autograd.grad(F.cross_entropy(network(leaf), labels, reduction="sum"), leaf)[0]
    return (images + epsilon / std * slope.sign()).clamp(-mean / std, (1 - mean) / std)


# %%
from ddkit.training import Protocol, logits, trained

HOW = Protocol("short", epochs=15, lr=0.05)
network, other = (trained(digits.train, digits, "ConvNetD3", HOW, seed, width=16, quiet=True)[0].eval()
                  for seed in (0, 1))
images, labels = digits.test.images[:100], digits.test.labels[:100]


def right(shown, by=network):
    """In %."""
    return 100 * float((logits(by, shown).argmax(1) == labels).double().mean())


small = Ball(0.1, digits.mean, digits.std)
apart = (by_hand(network, images, labels, 0.1) - fgsm(network, images, labels, small)).abs().max()
assert apart < 1e-5
f"{right(images):.0f} % right as they are; by hand and by ddkit differ by {apart:.0e}"

# %% [markdown]
# **Predict** how many of the 100 images are still called right at $\epsilon = 0.1$: with random signs, with FGSM, with PGD. And can you see which is which?

# %%
changed = {"as they are": images, "random signs": small.corner(images, stream(0, "noise")),
           "FGSM": fgsm(network, images, labels, small), "PGD": pgd(network, images, labels, small, stream(0, "pgd"))}
left = {name: right(shown) for name, shown in changed.items()}
assert left["PGD"] <= left["FGSM"] < left["random signs"]
print({name: f"{share:.0f} %" for name, share in left.items()})
rows = {name: shown[:8] for name, shown in changed.items()}
plots.image_rows(digits, rows, "The same images, every pixel changed by at most 0.1")

# %% [markdown]
# The row of random signs and the last two rows differ from the first by the same size. What differs is the direction.
#
# ## An accuracy under attack is an upper bound
#
# A network that survives an attack may survive only *this* attack. **Predict** how accuracy depends on the steps of PGD, at the same $\epsilon$. And what
# if the images were made against another network?

# %%
by_steps = {steps: right(pgd(network, images, labels, small, stream(0, "pgd"), steps))
            for steps in (1, 2, 5, 10, 20, 40)}
foreign = right(pgd(other, images, labels, small, stream(0, "pgd")))
wide = right(pgd(network, images, labels, Ball(1.0, digits.mean, digits.std), stream(0, "pgd")))
assert by_steps[40] <= by_steps[1] and left["PGD"] <= foreign
print({f"{steps} step{'s' * (steps > 1)}": f"{share:.0f} %" for steps, share in by_steps.items()})
f"made against another network: {foreign:.0f} %; with any pixels at all (epsilon 1): {wide:.0f} %"

# %% [markdown]
# These are two checks that everybody should make. If images made against *another* network did more harm, or if with any pixels at all
# something were still right, the gradient would be hiding something (saturated, or masked), not the network be robust. Many published defences fell
# so (Athalye et al., 2018).
#
# ## Few images, and distilled ones
#
# Now the question of this course. Networks (MLPs, the cheapest of the course's six, five in each row) were trained on everything, on a hundred
# random real images, and on distilled sets. **Predict**, at $\epsilon = 0.05$: whose networks are easier to mislead? There are arguments for each side:
#
# * few images leave wide gaps, so that borders between classes lie anywhere: *easier*;
# * who saw everything has learned faint patterns as well, which are what an attacker turns up (Ilyas et al., 2019): *easier*;
# * distilled images are noisy, and noise in training is known to smooth a network: *harder*.

# %%
from ddkit.applications.robustness import plots as attack_plots
from ddkit.applications.robustness import report as attack_report
from ddkit.applications.robustness.spec import clean, kept, under

networks = lesson.at_hand(attack_report.by_network, profile)
attacked = next(iter(networks.values()))  # the MLPs; ConvNets follow
first = next(iter(attacked.values()))
lesson.table(attack_report.table(attacked, "pgd", "github"))

# %%
attack_plots.accuracy_by_epsilon(attacked)

# %% [markdown]
# Two ways to read it. An accuracy under attack is what a user has. But who begins higher may fall further, so the second column says how much of what
# a network knew is left. **Predict** first: do both columns agree?

# %%
EPSILON = first.result["epsilons"][1]
opponent = "random real"
if opponent in attacked and len(attacked) > 1:
    shown = lesson.table(attack_report.leads(attacked, opponent, EPSILON, style="github"))
else:
    shown = "random real images have no record at hand: nothing to compare with"
shown

# %%
from ddkit.training.leads import Lead

sets = [name for name in attacked if name not in (opponent, "full data", "start: real")]
verdicts = {name: Lead.points(kept(attacked[name], "pgd", EPSILON), kept(attacked[opponent], "pgd", EPSILON))
            for name in sets if opponent in attacked}
for name, lead in verdicts.items():
    lesson.say(f"{name}: of what was known, {lead.gap:+.1f} points are left at epsilon {EPSILON:g} against {opponent}. "
               f"{lead.verdict}")
if verdicts and not any(lead.told_apart for lead in verdicts.values()):
    print("The answer is a null result: these networks do not tell distilled from random real images under attack.")

# %%
largest = first.result["epsilons"][-1]
noise = {name: under(record, "noise", EPSILON).mean for name, record in attacked.items()}
ends = {name: under(record, "pgd", largest).mean for name, record in attacked.items()}
for name, record in attacked.items():
    lesson.say(f"{name}: {100 * clean(record).mean:.0f} % as they are, {100 * noise[name]:.0f} % with random signs "
               f"of {EPSILON:g}, {100 * ends[name]:.0f} % under PGD at {largest:g}")
guess = first.result["chance"]
robust = [name for name, share in ends.items() if share > guess + 0.1]
told = ", ".join(robust) or "none. No set here makes robust networks; what differs is how soon they fall"
lesson.say(f"well above guessing at epsilon {largest:g}: {told}")

# %% [markdown]
# A set can be *made* to teach robustness: attack the real images inside the distillation, so that the set's networks are asked for the right answer
# on attacked images (Tsilivis et al., 2022, for KIP; Wu et al., 2022; GUARD, 2025). The first of these papers itself warns that
# what resists PGD may not resist a stronger attack, and that clean accuracy pays. ddkit has the first, `--method robust_kip`: before every update
# the real images are moved against the set's own regression, by at most 0.1. **Predict:** do *networks* trained on that set, which the attack
# inside never met, keep more of their accuracy than those on KIP's, made in as many updates of as many real images?

# %%
robust, plain = attacked.get("robust KIP"), attacked.get("KIP, as short")
if robust and plain:
    pairs = {"no attack": [clean(record) for record in (robust, plain)]}
    pairs |= {f"PGD at {size:g}": [under(record, "pgd", size) for record in (robust, plain)]
              for size in first.result["epsilons"][:3]}
    for words, (one, other) in pairs.items():
        lead = Lead.points(one, other)
        lesson.say(f"{words}: robust KIP is {lead.gap:+.1f} ± {lead.error:.1f} points from KIP, as short. "
                   f"{lead.verdict}")
    longer, lead = attacked["KIP"], Lead.points(clean(plain), clean(attacked["KIP"]))
    times = longer.asked.of.config.updates / plain.asked.of.config.updates
    lesson.say(f"no attack: KIP, as short is {lead.gap:+.1f} ± {lead.error:.1f} points from KIP, which made {times:g} "
               f"times as many updates. {lead.verdict}")
else:
    print("the pair has no records at hand")

# %% [markdown]
# The last line is a lesson of its own: had robust KIP been held against KIP's own row, the difference would have been that of two lengths. **Equal
# updates**, or the comparison says nothing.

# %% [markdown]
# ### Does the order hold for another network?
#
# All this was said by MLPs. A ConvNet looks at neighbouring pixels together, and instance norm takes an image's contrast away. It costs more, so
# that these networks had fewer epochs, and fewer test images are attacked: rows of *one* table may be compared, and the *order* of two tables. **Predict:** which training sets change places?

# %%
convnets = networks.get(attack_report.CONVNET, {})
both = all(opponent in of for of in (attacked, convnets))
if both:
    lesson.say(f"ConvNets: {attack_report.lengths(convnets)}. MLPs: {attack_report.lengths(attacked)}.")
    shown = lesson.table(attack_report.table(convnets, "pgd", "github"))
else:
    shown = "no second kind of network has records at hand"
shown

# %%
attack_plots.accuracy_by_network(networks)

# %% [markdown]
# Who begins higher has more to lose, so look at both axes: to the right, accuracy without an attack; upwards, what PGD leaves of it. Of two points
# above each other the upper one withstands more *at equal clean accuracy*.

# %%
attack_plots.attacked_against_clean(networks, EPSILON)

# %%
if both:
    shown = lesson.table(attack_report.sides(networks, opponent, EPSILON, style="github"))
    for sentence in attack_report.order(networks, EPSILON):
        lesson.say(sentence)
shown

# %%
if both:
    mine = {name: [found(convnets[name], "pgd", EPSILON) for found in (under, kept)] for name in convnets}
    for name in [name for name in mine if name in sets]:
        leads = [Lead.points(one, other) for one, other in zip(mine[name], mine[opponent], strict=True)]
        lesson.say(f"ConvNets on {name}, PGD at {EPSILON:g}: {leads[0].gap:+.1f} ± {leads[0].error:.1f} points of "
                   f"accuracy against {opponent}. {leads[0].verdict}",
                   f"  and of the share that is left {leads[1].gap:+.1f} ± {leads[1].error:.1f}. {leads[1].verdict}")
    best, *_ = sorted(mine, key=lambda name: -mine[name][0].mean)
    mlps = {name: under(one, "pgd", EPSILON).mean for name, one in attacked.items() if name in mine}
    lesson.say(f"most is left to ConvNets on {best}, to MLPs on {max(mlps, key=mlps.get)}")

# %%
pair = [convnets.get(name) for name in ("robust KIP", "KIP, as short")]
if all(pair):
    found = {"no attack": map(clean, pair), f"PGD at {EPSILON:g}": (under(one, "pgd", EPSILON) for one in pair)}
    for words, of in found.items():
        lead = Lead.points(*of)
        lesson.say(f"ConvNets, {words}: robust KIP is {lead.gap:+.1f} ± {lead.error:.1f} points from KIP, as short. "
                   f"{lead.verdict}")

# %% [markdown]
# Both kinds of KIP learn through the kernel of an infinitely wide *fully connected* network, DataDAM and PAD through ConvNets. That a set teaches its own
# kind best would be a reason for what you see; these records cannot say so, since the methods differ in everything else as well, and every set was
# distilled once.
#
# Before believing any of these curves, the checks from above, on all networks behind them: an attack that follows the gradient must not leave more than
# random signs, many steps not more than one, a larger epsilon not more than a smaller one.

# %%
lesson.say(attack_report.every_hidden(networks))

# %% [markdown]
# ## Hidden in the data
#
# So far the attacker met a finished network. Another may meet the *data* first: put a small white square on some training images, and call
# them zeros. That is a **backdoor**: a network that learns it is right on all clean images, and calls anything a zero that carries the square.
#
# Liu et al. (2023) asked what happens if such data are *distilled*. One might hope that a hundred learned images have no room for a square.

# %%
from ddkit.applications.backdoor.trigger import Square, poisoned, suspicion
from ddkit.synthetic import SyntheticSet

square = Square(2)
dirty, marked = poisoned(digits, square, share=0.05, target=0, seed=0)
rows = {"as they were": digits.train.images[marked][:10], "poisoned, called 0": dirty.train.images[marked][:10]}
plots.image_rows(digits, rows, "Images that become zeros")

# %% [markdown]
# **Predict:** 5 % of all training images are poisoned. Of ten classes with equally many images, what share of the *zeros* carries the square then, in % (a
# whole number)?

# %%
share_of_zeros = None

zeros = 100 * int(marked.sum()) / int((dirty.train.labels == 0).sum())
print(f"{int(marked.sum())} of {len(marked):,} images were poisoned; of the zeros they are {zeros:.0f} %")
equal = round(100 * 0.05 / (0.05 + 0.1))
lesson.answered(share_of_zeros, equal, round(zeros))

# %% [markdown]
# A set is made class by class. What is one image in twenty to the attacker is one in three to the class that a method looks at.
#
# Before the result is shown, say what counts. **Success** is the share of test images *of other classes* that are called zeros once they carry the
# square: a zero that is called zero is no success. Beside it stand the same images without the square, and with a square in
# another corner. And a poisoned set is compared with the *same* method on clean data, and with random real images of the same poisoned data.
#
# **Predict** the curves: at which share do half of all images become zeros? Does the method matter? What does accuracy on clean images say?

# %%
from ddkit.applications.backdoor import plots as trigger_plots
from ddkit.applications.backdoor import report as trigger_report
from ddkit.applications.backdoor.spec import measured

backdoors = lesson.at_hand(trigger_report.asked, profile)
lesson.table(trigger_report.table(backdoors, "github"))

# %%
trigger_plots.success_by_share(backdoors)

# %%
for name, of in backdoors.items():
    reached = [share for share, record in of.items() if measured(record, "success").mean > 0.5]
    tried = ", ".join(f"{100 * share:g} %" for share in of)
    least = f"first at {100 * min(reached):g} %" if reached else f"at none of {tried}"
    line = f"{name}: half of all images become zeros {least}"
    if 0.0 in of and len(of) > 1:
        lead = Lead.points(of[max(of)].scores, of[0.0].scores)
        line += f"; clean accuracy, at {100 * max(of):g} % against none: {lead.gap:+.1f} points. {lead.verdict}"
    lesson.say(line)
highest = max(measured(record, "success").mean for of in backdoors.values() for record in of.values())
if highest < 0.5:
    lesson.say("The answer is a null result: at this size and by this protocol the square wins "
               f"{100 * highest:.0f} % of the images at most.")

# %%
from ddkit.specs import Distill

at_random = backdoors.get("random real", {})
for name, of in backdoors.items():
    for share, record in of.items():
        if share and share in at_random and isinstance(record.asked.of, Distill):
            lead = Lead.points(measured(record, "success"), measured(at_random[share], "success"))
            lesson.say(f"{name} at {100 * share:g} %: {lead.gap:+.1f} points of success against random real images. "
                       f"{lead.verdict}")

# %% [markdown]
# (The networks of a distilled set were trained on *one* set: what another distillation would give, these intervals do not say.)
#
# ### What training does to a trigger
#
# The standard protocol augments: images are shifted, scaled and turned while a network learns. **Predict:** what does that do to a square that stands in one
# place? Here are networks on the same poisoned data, digits with a fifth poisoned: on a hundred random ones of them and on all, with augmentation
# and without, after 300 updates each. Which matters more: augmentation, or how many images there are?

# %%
from ddkit.applications.backdoor.spec import called_target

much, _ = poisoned(digits, square, share=0.2, target=0, seed=0)
ways = {"augmented": Protocol("augmented", None, 300, schedule="constant", augmented=True),
        "as they are": Protocol("plain", None, 300, schedule="constant")}
data = {"a hundred": SyntheticSet.from_real(much, 10, stream(0, "hundred")).training_split(), "all": much.train}
obeyed = {}
for which, split in data.items():
    for way, how in ways.items():
        made = [trained(split, digits, "MLP", how, seed, quiet=True)[0] for seed in range(2)]
        found = [100 * called_target(one, digits, square, 0)["success"] for one in made]
        obeyed[which, way] = sum(found) / len(found)
        print(f"{which}, {way}: {found[0]:.0f} and {found[1]:.0f} % of other digits become zeros (two networks)")
assert obeyed["all", "augmented"] > obeyed["a hundred", "as they are"] > obeyed["a hundred", "augmented"]

# %% [markdown]
# So the trigger is in the data either way, and at the same share of zeros. Whether it *works* is decided by how many images carry it, and by how one trains: a hundred
# images can be told apart by what else they show, and augmentation moves the square about. A published success rate belongs to a protocol and a size, as an accuracy does.
#
# ## Can it be seen?
#
# **Predict** first: what will be in the lower right corner of the set's zeros? Two small sets are made here and now, by KIP, of clean digits and of digits with a
# fifth poisoned.

# %%
from ddkit.course.profiles import profile as profile_of

small = trigger_report.asked(profile_of("quick"))["KIP"]
live = {share: ddkit.run(spec, quiet=True) for share, spec in small.items()}
trigger_plots.target_images({"KIP": live})

# %% [markdown]
# Here we knew where to look. Whoever gets a set from somebody does not: neither which class, nor which corner. But they may have a few clean images of
# their own. `suspicion` takes, for each class and every place of 2 × 2 pixels, how much brighter the set is there than clean real images of that class.

# %%
worst = live[max(live)].synthetic
found = suspicion(worst.images, worst.labels, digits.val, digits, square.side)
trigger_plots.suspicions(found, digits.classes, "Where the poisoned set is brighter than clean images")

# %% [markdown]
# And the sets of the table above:

# %%
poison = {f"{name}, {100 * share:g} %": record for name, of in backdoors.items() for share, record in of.items()
          if share and isinstance(record.asked.of, Distill)}
places = found.numel()
for name, record in poison.items():
    seen = record.result["runs"][0]["seen"]
    success = measured(record, "success").mean
    lesson.say(f"{name}: the place is {seen['target']:.2f} bright in the set's zeros, {seen['others']:.2f} in its "
               f"other classes; of {places:,} places the true one has rank {seen['rank']:,}; "
               f"success {100 * success:.0f} %")
easily = [name for name, record in poison.items() if record.result["runs"][0]["seen"]["rank"] == 1]
f"found at first sight: {', '.join(easily) or 'none of them'}"

# %% [markdown]
# Two things to keep apart. A trigger may *work* and not be seen, or be *seen* and not work; of which are there cases above? And this trigger was
# made to be simple. An attacker who may also choose the trigger during the distillation (DOORPING, in the same paper) reports success near 1 at every
# setting; one who may blend it would not be found by brightness.
#
# A set **hides what the data show**: a hundred learned images stand for thousands that you were never given. So look at a set that you did not make;
# compare it with clean images of your own; and test networks on inputs that nobody should mind: a square in each corner costs nothing.

# %%
seconds = time.process_time() - begun
f"all cells of this lesson took {seconds:.0f} s of one processor core, here and now"

# %% [markdown]
# ## What you should take away
#
# * The worst change of an image adds up over pixels where a random one cancels: that is why it can be small.
# * Epsilon is a difference of pixels in $[0, 1]$; in a network's units it is $1 / \sigma$ times that.
# * An accuracy under attack is an upper bound. Take more steps, transfer from another network, and try epsilon 1, before you call anything robust.
# * Compare at equal clean accuracy, or show both; beside every attack stands noise of the same size.
# * An order of training sets was found before one kind of network. Ask another before you call it an order.
# * A trigger in one image of twenty is in one of three of its class, and a set that begins from real images shows it. Whether networks obey it is
#   another question: the number of images and the way of training decide as well.
# * Success is counted on other classes; beside it belong the clean run, and random images of the same poisoned data.
#
# **Questions to yourself**
#
# 1. Why does PGD begin at a random point of the ball, and when would it make no difference?
# 2. Instance norm removes contrast. Which attacks can then not succeed, and does FGSM know?
# 3. A paper reports 40 % under PGD at "epsilon 0.3, normalised". What would you ask?
# 4. KIP learns labels. What could an attacker hide there that no picture shows?
# 5. Augmentation kept some triggers from working. Which trigger would it not disturb?
# 6. Of random real images of poisoned data, some carry the square. Which share of a hundred such sets of ten zeros would have none at 1 %?
# 7. The set's corner is grey, not white. Why may networks trained on it still obey a white square?
# 8. How would you show that a set *has no* backdoor?
#
# **Go further.** `python -m ddkit robustness SET` attacks networks of any set, `python -m ddkit backdoor --method METHOD` poisons any distillation. Put the square
# into the middle of the image; blend it at half its brightness; clean the suspected place and train again. Write a method that attacks the real
# images before it matches them, and see whether its networks fall later, at equal clean accuracy.
