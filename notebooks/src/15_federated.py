# %% [markdown]
# # 15 · Federated learning: weights, sets, or the data themselves
#
# - **Course part:** {PART}. It is for who wants to know what distilled sets are good for where data may not be gathered.
# - **You will learn** how images are dealt to clients who are not alike; to average networks, and when that fails; to count bytes in both
#   directions; to match sets near common weights (FedDM); what a client gives away with a set; and which row to look for in every such table.
# - **Before you start:** lessons 2 and 4. Lesson 5 helps.
# - **Time:** an hour. Everything by hand runs live on small digits. Scores are reloaded if their records are at hand; otherwise small
#   ones are made, in less than a minute of one processor core.

# %% shared="colab"

# %%
import time

import ddkit  # before torch, whose threads it asks to share the processor
import torch
from ddkit import exercises, plots
from ddkit.course import lesson
from ddkit.foundation.randomness import stream

profile = lesson.begin()
digits = ddkit.load("digits")
begun = time.process_time()

# %% [markdown]
# ## Clients who are not alike
#
# In **federated learning** many clients (hospitals, telephones) have images that may not leave them, and want one network. If their images were
# dealt like cards, each client would have a little of everything. They are not. The custom is to deal each class by shares drawn from a Dirichlet
# distribution with parameter $\alpha$, $p \sim \mathrm{Dir}(\alpha, \dots, \alpha)$.
#
# **Predict:** how many of the ten digits will a client have, of ten clients, at $\alpha = 0.1$? And at $\alpha = 100$?

# %%
from ddkit.applications.federated import plots as federated_plots
from ddkit.applications.federated.clients import Deal, average, own_images, raw_bytes, weight_bytes

deals = {"alpha 0.1": Deal(10, 0.1, None), "alpha 0.5": Deal(10, 0.5, None), "alpha 100": Deal(10, 100.0, None)}
counts = {name: torch.stack([torch.bincount(digits.train.labels[own], minlength=10) for own in deal.dealt(digits, 0)])
          for name, deal in deals.items()}
assert all(int(found.sum()) == len(digits.train) for found in counts.values())
shown = {name: found.numpy() for name, found in counts.items()}
federated_plots.deals(shown, "The same digits, dealt to ten clients in three ways")

# %% [markdown]
# With small $\alpha$ a client sees a few digits and nothing else. Such clients are called **non-IID** (not independent and identically distributed). Whoever compares methods has to say
# how images were dealt, and to deal them anew for each seed: what one deal gives, another may not.
#
# ## Averaging networks
#
# **FedAvg** (McMahan et al., 2017): everybody gets the same weights $w$, trains on their own $n_k$ images, and sends the weights back; the server takes
#
# $$w \leftarrow \sum_k \frac{n_k}{n} w_k, \qquad n = \sum_k n_k$$
#
# **✎ For practice:** write the average. `weights` is a list with a dictionary of tensors for each client, as `state_dict()` gives it.

# %% exercise="weighted-average"
def my_average(weights, counts):
    """Dictionaries of tensors, and how many images each client has -> the dictionary of their mean."""
    ### BEGIN SOLUTION
    total = sum(counts)
    return {name: sum(n / total * one[name] for one, n in zip(weights, counts, strict=True)) for name in weights[0]}
    ### END SOLUTION


exercises.check("weighted-average", my_average)

# %% [markdown]
# A network is not linear, so why should the mean of two good networks be good? **Predict** the accuracy of the mean of two networks, each trained on its own
# half of the digits: if both began at the same weights, and if each began at its own.

# %%
from ddkit.networks import build
from ddkit.training import Protocol, fit, test

HOW = Protocol("short", epochs=5, lr=0.05)
halves = [own_images(digits, own) for own in Deal(2, None, None).dealt(digits, 0)]


def network(seed):
    return build("ConvNetD3", digits.channels, 10, digits.size, width=16, generator=stream(seed, "lesson 15"))


# %%
def weights_after(half, seed):
    """Those of a network that began with that seed and was trained on one half."""
    made = network(seed)
    fit(made, half, HOW, stream(seed, "order"), quiet=True)
    return made.state_dict()


def accuracy(weights):
    made = network(0)
    made.load_state_dict(weights)
    return 100 * test(made, digits.test)["accuracy"]


# %%
pairs = {"one start": [weights_after(half, 0) for half in halves],
         "two starts": [weights_after(half, seed) for seed, half in enumerate(halves)]}
mean = {name: average(found, [len(half) for half in halves]) for name, found in pairs.items()}
of_mean = {name: accuracy(found) for name, found in mean.items()}
for name, found in pairs.items():
    alone = ", ".join(f"{accuracy(one):.0f} %" for one in found)
    print(f"{name}: alone {alone}; their mean {of_mean[name]:.0f} %")
assert of_mean["one start"] > of_mean["two starts"] + 20

# %% [markdown]
# Networks that began together stay near each other, and between them lies a network that knows what both know. From two starts the same feature sits in
# another channel, and their mean mixes what does not belong together. (Hence rounds: go apart a little, meet, go apart again. And the less clients are
# alike, the further they go apart.)
#
# ## What is sent
#
# Weights go down to every client and up again, in every round; and down once more at the end, since the clients want the trained network.
#
# **✎ For practice:** how many bytes are that, all together, with weights of 32 bits? Mind both directions.

# %% exercise="bytes-of-rounds"
def my_bytes(weights, clients, rounds):
    """Numbers of weights in a network, of clients and of rounds -> bytes that are sent in all, in both directions."""
    ### BEGIN SOLUTION
    return 4 * weights * clients * (2 * rounds + 1)
    ### END SOLUTION


exercises.check("bytes-of-rounds", my_bytes)

# %% [markdown]
# **Predict:** ten clients, ten rounds, a ConvNet-3 of width 32 on MNIST: how many megabytes? And all 60,000 digits, with a byte for each pixel and one for the label?

# %%
student = build("ConvNetD3", 1, 10, 28, width=32, generator=stream(0, "size"))
count, clients, rounds = sum(p.numel() for p in student.parameters()), 10, 10
assert weight_bytes(student) == 4 * count
all_rounds, raw = 4 * count * clients * (2 * rounds + 1), 60_000 * (28 * 28 + 1)
lesson.say(f"one network {4 * count:,} bytes; {rounds} rounds with {clients} clients {all_rounds:,} bytes; all digits "
           f"once, with labels, {raw:,} bytes")

# %% [markdown]
# And if the clients have 6,000 digits together, as in the comparison below? To how many rounds (down and up, of all clients) of *this* network, of width 32 (the comparison's is of another), do these
# digits amount? A whole number:

# %%
rounds_in_raw = None

few = 6000 * (28 * 28 + 1)
each_round = 2 * clients * 4 * count
lesson.say(f"6,000 digits are {few:,} bytes, a round {each_round:,} bytes")
lesson.answered(rounds_in_raw, round(few / each_round), int(few / each_round))

# %% [markdown]
# **The row that nobody prints** is this one: the data themselves, once. Where it is smaller than the others, communication is no argument for
# anything that sends more; the argument may still be that images *may not* leave. Keep these two apart.
#
# ## A set from each client
#
# Instead of weights a client may send a small synthetic set, once, made by any method from its own images (**one-shot**; FedD3, Song et al.,
# 2023). The server trains on all of them together. Below one client of $\alpha = 0.1$ distils two images of each of its classes.
#
# **Predict:** the client begins from two *real* images of each class. Would you recognise them in what it sends?

# %%
from ddkit import methods
from ddkit.applications.federated.clients import held, of_client
from ddkit.methods import presets
from ddkit.methods.loop import distill
from ddkit.synthetic import SyntheticSet
from ddkit.synthetic.budget import storage

dealt = Deal(10, 0.1, None).dealt(digits, 0)
mine = max((own_images(digits, own) for own in dealt), key=lambda split: len(held(split, 10)))
client = of_client(digits, mine, held(mine, 10))
made = SyntheticSet.begin("real", client, 2, stream(0, "init"))
settings = presets.configure("datadam", "course", {"width": 16, "real_batch": 32, "network_steps": 2})
distill(methods.get("datadam")(settings), made, client, updates=20, seed=0, quiet=True)
shown = {"began as": made.start[::2], "is sent as": made.images.detach()[::2]}
plots.image_rows(digits, shown, f"One of two images of each class that a client sends ({', '.join(client.classes)})")

# %%
def given_away(sent, began):
    """Of how many images the nearest real one of the client's is the very one that they began as."""
    own = client.train.images.flatten(1)
    nearest, origin = (torch.cdist(images.flatten(1), own).argmin(1) for images in (sent, began))
    return int((nearest == origin).sum())


change = (made.pixels() - made.pixels(made.start)).abs().mean()
away = given_away(made.images.detach(), made.start)
lesson.say(f"a pixel changed by {change:.3f} of 1 on the average; for {away} of the {len(made.images)} images that are "
           f"sent, the nearest of the client's {len(mine)} is the very one that it began as (by chance 1 in "
           f"{len(mine)}); "
           f"{storage(made):,} bytes are sent, the client's images raw are {raw_bytes(len(mine), digits):,}")

# %% [markdown]
# A set that begins from real images still points at them. "The images never leave the client" is then a way of speaking. (How sets are asked for the
# images behind them, and what a promise would be: lesson 14.) And learned pixels in float32 take four times the bytes of real ones.
#
# ## Sets in rounds: FedDM
#
# One shot knows nothing of what the server has learned. **FedDM** (Xiong et al., 2023) goes on in rounds, like FedAvg: common weights $w_r$ down, *sets* up. A client makes its set $S$
# look like its images $T$ to networks near $w_r$; with embeddings $h$ and logits $z$
#
# $$L = \sum_c \Bigl\lVert \overline{h_w(T_c)} - \overline{h_w(S_c)} \Bigr\rVert^2 + \Bigl\lVert \overline{z_w(T_c)} - \overline{z_w(S_c)} \Bigr\rVert^2,
# \qquad \lVert w - w_r \rVert \le \rho$$
#
# and the server trains on all sets, but stays within the ball of radius $\rho$: outside nobody has asked that sets and images be alike. **Predict:** the second term takes the logits
# of all images. Does it cost a pass through anything?

# %%
from ddkit.applications.federated.feddm import draw_near, means_apart
from ddkit.applications.federated.rounds import copied

common = network(0).double()
T, S = (digits.train.of_class(3)[part].double() for part in (slice(0, 20), slice(20, 22)))
with torch.no_grad():
    h = [common.embed(images).mean(0, keepdim=True) for images in (T, S)]
    z = [common(images).mean(0) for images in (T, S)]
    by_hand = (h[0] - h[1]).square().sum() + (z[0] - z[1]).square().sum()
    L = means_apart(*h, common.classifier.weight)
assert abs(L / by_hand - 1) < 1e-9
f"by hand {by_hand:.6f}, from the embeddings' means alone {L:.6f}"

# %% [markdown]
# It costs nothing: logits are $W h + b$, so the mean of logits is $W$ times the mean of embeddings, and $b$ falls out of the difference. What the term adds is a weight: of all directions
# of embeddings, those count more that the classifier looks at.
#
# In the ball a network is drawn by a random direction and a random distance. At $\rho = 0$ it is $w_r$ itself.

# %%
near, centre = network(1), copied(network(0))
draw_near(near, centre, 0.0, stream(0, "ball"))
assert all(torch.equal(tensor, centre[name]) for name, tensor in near.state_dict().items())
for radius in (1.0, 5.0, 20.0):
    draw_near(near, centre, radius, stream(0, "ball"))
    apart = sum((tensor - centre[name]).square().sum() for name, tensor in near.state_dict().items()).sqrt()
    size = sum(tensor.square().sum() for tensor in centre.values()).sqrt()
    print(f"radius {radius:g}: {apart:.1f} from the common weights, whose length is {size:.1f}")

# %% [markdown]
# Now the same client as above, for one round: from noise, as ddkit's FedDM begins, and from real images, as a script that is passed around does.
# **Predict:** in which of the two could somebody recognise the client's images?

# %%
from ddkit.applications.federated import FedDM
from ddkit.applications.federated.feddm import NearWeights
from ddkit.specs import Full

sets = {}
for init in ("noise", "real"):
    spec = FedDM(Full("digits"), ipc=2, init=init, updates=40, image_lr=10.0, real_batch=32, width=16)
    sets[init] = SyntheticSet.begin(init, client, 2, stream(0, "init"))
    distill(NearWeights(network(0), spec), sets[init], client, updates=spec.updates, seed=0, quiet=True)
rows = {f"{when} {init}": images[::2] for init, one in sets.items()
        for when, images in (("begins as", one.start), ("from", one.images.detach()))}
plots.image_rows(digits, rows, "What a client of FedDM sends after one round")

# %%
away = given_away(sets["real"].images.detach(), sets["real"].start)
for init, one in sets.items():
    distance = torch.cdist(one.images.detach().flatten(1), client.train.images.flatten(1)).amin(1).mean()
    lesson.say(f"from {init}: moved by {one.moved:.0f}; {distance:.1f} from the client's nearest image on the average")
among = torch.cdist(client.train.images.flatten(1), client.train.images.flatten(1))
among = among.fill_diagonal_(float("inf")).amin(1).mean()
lesson.say(f"(from one image of the client to its nearest other: {among:.1f}); for {away} of the "
           f"{len(sets['real'].images)} that began real, the nearest is the image that it began as (by chance 1 in "
           f"{len(mine)})")

# %% [markdown]
# Who begins from noise has nothing to give away but what was matched; who begins from real images may give some of them for nothing (so few images say little of how many). Neither is a promise: that an eye
# does not recognise an image does not say that nobody can.
#
# ## The whole comparison
#
# What clients can send: weights (FedAvg, round after round), a set in every round (FedDM, from noise), once a distilled set, random real images (as many as the
# distilled ones, or as many as go into the bytes of those: learned pixels take four bytes, real ones one), and all raw data, once. Each seed
# deals the images anew. **Predict** for each $\alpha$ the order of accuracies, and the order of bytes.

# %%
from ddkit.applications.federated import report as federated_report

records = lesson.at_hand(federated_report.asked, profile)
lesson.say(federated_report.missing(records, profile))
lesson.table(federated_report.table(records, "github"))

# %%
federated_plots.accuracy_against_bytes(records)

# %% [markdown]
# (The dotted line: raw data, once. Whatever lies to its right sends more than the data themselves.)
#
# **Questions that the records answer.** Does a set tell more than real images that take as many bytes? Do sets in rounds beat weights in rounds? What does anything lose against raw data?

# %%
leads = federated_report.compared(records)
for (alike, name, against), lead in leads.items():
    error = "" if lead.error is None else f" ± {lead.error:.1f}"
    lesson.say(f"{alike}, {name} against {against}: {lead.gap:+.1f}{error} points. {lead.verdict}")

# %%
one_shot = {alike: lead for (alike, name, against), lead in leads.items()
            if (name, against) == ("DataDAM", "random real")}
above, below = ([alike for alike, lead in one_shot.items() if lead.told_apart and sign * lead.gap > 0]
                for sign in (1, -1))
if one_shot:
    lesson.say(f"In one shot distilled sets are ahead of as many random real images at: {', '.join(above) or 'none'}; "
               f"behind at: {', '.join(below) or 'none'}.")
if one_shot and not above:
    lesson.say("So few updates, on the classes of each client alone, gain nothing here: a null result at best. "
               "Nobody's set knows what the others send.")
real = federated_report.AS_MANY_BYTES
cheap = [alike for (alike, name, against), lead in leads.items()
         if (name, against) == ("DataDAM", real) and lead.gap < 0 and lead.told_apart]
lesson.say(f"In the same bytes, four real images for each learned one, and after as many updates, real images are "
           f"ahead at: {', '.join(cheap) or 'none'}.")

# %%
for against in ("FedAvg", "random real"):
    found = {alike: lead for (alike, name, other), lead in leads.items() if (name, other) == ("FedDM", against)}
    ahead = [alike for alike, lead in found.items() if lead.told_apart and lead.gap > 0]
    behind = [alike for alike, lead in found.items() if lead.told_apart and lead.gap < 0]
    lesson.say(f"FedDM is ahead of {against} at: {', '.join(ahead) or 'none'}; "
               f"behind at: {', '.join(behind) or 'none'}.")

# %% [markdown]
# Where clients are not alike, weights that were trained on a few digits each pull apart, and a round of averaging undoes what another client learned; images of all clients, real or not, can be trained on
# *together*. Where clients are alike, nothing pulls apart. Which of the two the lines above show, you can read now; and what a few real images would do in place of all of it.

# %%
for alike, of in records.items():
    if federated_report.RAW in of:
        whole = sum(federated_report.traffic(of[federated_report.RAW]))
        factors = {name: sum(federated_report.traffic(record)) / whole for name, record in of.items()}
        lesson.say(f"{alike}: bytes in both directions, in raw data sent once: "
                   f"{', '.join(f'{name} {factor:.2f}' for name, factor in factors.items())}")

# %% [markdown]
# ## Where it would pay
#
# Not at this size, so use the formula. Raw data grow with images and pixels; weights with rounds, clients and the network; sets with classes,
# images per class and pixels. **Predict** the winner for photographs of 224 × 224 pixels, a million of them, ten clients, a network of 25 million weights and
# a hundred rounds.

# %%
pixels, photographs, weights, there = 3 * 224 * 224, 1_000_000, 25_000_000, 100
jpeg = pixels / 10  # bytes of a photograph as it is usually kept
last = clients * 4 * weights  # down at the end, whatever was sent before
costs = {"raw data, once, a byte for each pixel and colour": photographs * pixels,
         "raw data, once, as JPEG": photographs * jpeg, "FedAvg": 2 * there * clients * 4 * weights,
         "ten learned images of 1,000 classes from each client": clients * 10 * 1000 * 4 * pixels}
for name, bytes_ in costs.items():
    print(f"{name}: {(bytes_ + last) / 1e9:.0f} GB")
print(f"in all of them {last / 1e9:.0f} GB are the trained network's download at the end")
assert min(costs, key=costs.get) == "raw data, once, as JPEG"
lesson.say(f"FedAvg sends less than the photographs from {costs['FedAvg'] / jpeg / 1e6:.0f} million of them on, the "
           f"sets from {costs['ten learned images of 1,000 classes from each client'] / jpeg / 1e6:.0f} million")

# %% [markdown]
# Raw data grow with the images, the others do not: who has many times more images than weights, or cannot send an image at all, has a reason. (A learned image need not be kept in four
# bytes a pixel; lesson 11 has forms that take less.)

# %%
seconds = time.process_time() - begun
f"all cells of this lesson took {seconds:.0f} s of one processor core, here and now"

# %% [markdown]
# ## What you should take away
#
# * The smaller $\alpha$, the less clients are alike; say how images were dealt, and deal anew for each seed.
# * Averages of weights make sense between networks that began together, and are not far apart yet.
# * Count bytes in both directions, labels and the last download included; a learned pixel has four.
# * Raw data once is a row of every table. Where it is cheapest, the argument is privacy, and privacy has to be shown.
# * A set from real images gives images away. Bytes saved are not secrets kept.
#
# **Questions to yourself**
#
# 1. Why does the mean count clients by their images? When would that be unfair?
# 2. A client has nine images of a class. What does it send of it, and what does the server learn of that?
# 3. Which of the four would you choose if a client can only be reached once?
# 4. What changes in the bytes if distilled pixels are sent as bytes (form `bytes`)? What has to be measured then?
# 5. The server could distil again what it got. What for?
# 6. How would FedAvg fare with one local epoch of *all* images instead of few, at $\alpha = 0.1$?
# 7. Which row would differential privacy hurt most, at the same epsilon for each client?
# 8. Why may FedDM's server not leave the ball? What would you see if it did?
# 9. FedDM's clients go on from the set that they sent last. What does the server know of a client after many rounds that it does not know after one?
#
# **Go further.** `python -m ddkit federated --feddm --alpha 0.1,even` runs all of it, with any `--method`. Send the sets as bytes (form `bytes`). Let clients distil from noise, and see what
# it costs. Give FedAvg the bytes of FedDM, or FedDM the rounds of FedAvg. Draw the ball of FedDM larger, and smaller. Let the server distil again what it got (DynaFed, Pi et al., 2023,
# makes a set on the server, of the weights' way, and no client sends more for it).
