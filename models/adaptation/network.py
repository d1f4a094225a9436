"""CAM++ in torch, for training: published tensors and small deltas in, embeddings out.

What learns: every scale, shift and bias, the 3x3 convolutions of the head, and a product of two thin matrices beside each
wide layer. The batch normalisations keep their statistics: recomputed on telephone speech they do harm.
"""

import torch
import torch.nn.functional as F

BLOCKS = ((12, 1), (24, 2), (16, 2))  # (layers, dilation) of the three dense blocks
EPSILON = 1e-5
SEGMENT = 100  # frames per segment of the context-aware mask
RANKS = {f"xvector.transit{number}.linear.weight": 32 for number in (1, 2, 3)}
RANKS.update({"xvector.dense.linear.weight": 32, "xvector.tdnn.linear.weight": 16})
LAST_NORM = "xvector.dense.nonlinear.batchnorm"  # published without scale and shift: one and zero


class Network(torch.nn.Module):
    """The published network where all deltas are zero, as they are at first."""

    def __init__(self, published):
        super().__init__()
        self.base = {name: torch.tensor(values) for name, values in published.items() if not name.endswith("num_batches_tracked")}
        self.base[f"{LAST_NORM}.weight"], self.base[f"{LAST_NORM}.bias"] = torch.ones(192), torch.zeros(192)
        self.added, self.thin = {}, {}
        for name, values in self.base.items():
            vector = values.ndim == 1 and not name.endswith(("running_mean", "running_var"))
            if vector or (name.startswith("head.") and values.ndim == 4):
                self.added[name] = torch.nn.Parameter(torch.zeros_like(values))
        generator = torch.Generator().manual_seed(1)
        for name, rank in RANKS.items():
            rows, columns = self.base[name].flatten(1).shape
            right = torch.randn(rank, columns, generator=generator) / columns**0.5
            self.thin[name] = (torch.nn.Parameter(torch.zeros(rows, rank)), torch.nn.Parameter(right))

    def parameters(self):
        return [*self.added.values(), *(part for pair in self.thin.values() for part in pair)]

    def delta(self):
        """Name -> what is added, or NAME.left and NAME.right whose product is added."""
        parts = {name: values for name, values in self.added.items()}
        for name, pair in self.thin.items():
            parts[f"{name}.left"], parts[f"{name}.right"] = pair
        return {name: values.detach().numpy().copy() for name, values in parts.items()}

    def tensor(self, name):
        values = self.base[name]
        if name in self.added:
            return values + self.added[name]
        if name in self.thin:
            left, right = self.thin[name]
            return values + (left @ right).reshape(values.shape)
        return values

    def norm(self, name):
        """Scale and shift of a batch normalisation."""
        scale = self.tensor(f"{name}.weight") * torch.rsqrt(self.base[f"{name}.running_var"] + EPSILON)
        return scale, self.tensor(f"{name}.bias") - self.base[f"{name}.running_mean"] * scale

    def folded(self, layer, norm):
        scale, shift = self.norm(norm)
        weight = self.tensor(f"{layer}.weight")
        return weight * scale.reshape((-1,) + (1,) * (weight.ndim - 1)), shift

    def conv2(self, x, layer, norm, stride, padding=1):
        return F.conv2d(x, *self.folded(layer, norm), stride=(stride, 1), padding=padding)

    def conv1(self, x, layer, norm, **how):
        return F.conv1d(x, *self.folded(layer, norm), **how)

    def norm_relu(self, x, norm):
        scale, shift = self.norm(norm)
        return F.relu(torch.addcmul(shift[:, None], x, scale[:, None]))

    def head(self, x):
        x = F.relu(self.conv2(x, "head.conv1", "head.bn1", 1))
        for block, stride in (("layer1.0", 2), ("layer1.1", 1), ("layer2.0", 2), ("layer2.1", 1)):
            p = f"head.{block}"
            y = F.relu(self.conv2(x, f"{p}.conv1", f"{p}.bn1", stride))
            y = self.conv2(y, f"{p}.conv2", f"{p}.bn2", 1)
            shortcut = x if stride == 1 else self.conv2(x, f"{p}.shortcut.0", f"{p}.shortcut.1", stride, 0)
            x = F.relu(y + shortcut)
        return F.relu(self.conv2(x, "head.conv2", "head.bn2", 2)).flatten(1, 2)

    def dense_layer(self, x, p, dilation, segment, averaging):
        h = self.norm_relu(x, f"{p}.nonlinear1.batchnorm")
        h = F.relu(self.conv1(h, f"{p}.linear1", f"{p}.nonlinear2.batchnorm"))
        local = F.conv1d(h, self.base[f"{p}.cam_layer.linear_local.weight"], padding=dilation, dilation=dilation)
        gate = h @ averaging
        for name, activation in (("linear1", F.relu), ("linear2", torch.sigmoid)):
            layer = f"{p}.cam_layer.{name}"
            gate = activation(F.conv1d(gate, self.tensor(f"{layer}.weight"), self.tensor(f"{layer}.bias")))
        return torch.cat([x, local * gate[:, :, segment]], 1)

    def forward(self, features):
        """[batch, frames, 80] with each bin's mean removed -> [batch, 192]."""
        x = self.head(features.transpose(1, 2)[:, None])
        x = F.relu(self.conv1(x, "xvector.tdnn.linear", "xvector.tdnn.nonlinear.batchnorm", stride=2, padding=2))
        frames = x.shape[2]
        segment = torch.arange(frames) // SEGMENT
        member = F.one_hot(segment).float()
        averaging = member / member.sum(0) + 1.0 / frames
        for number, (layers, dilation) in enumerate(BLOCKS, 1):
            for layer in range(1, layers + 1):
                x = self.dense_layer(x, f"xvector.block{number}.tdnnd{layer}", dilation, segment, averaging)
            transit = f"xvector.transit{number}"
            x = self.norm_relu(x, f"{transit}.nonlinear.batchnorm")
            if number < len(BLOCKS):
                x = F.conv1d(x, self.tensor(f"{transit}.linear.weight"))
            else:
                x = F.relu(self.conv1(x, f"{transit}.linear", "xvector.out_nonlinear.batchnorm"))
        statistics = torch.cat([x.mean(2), x.std(2)], 1)[:, :, None]
        return self.conv1(statistics, "xvector.dense.linear", LAST_NORM)[:, :, 0]
