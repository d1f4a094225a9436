"""The network: six 3x3 convolutions over [time, frequency], attentive statistics over time, one logit.

Channels are multiples of 32 and everything is a plain convolution: fast in oneDNN and in the engine's own loops.
"""

import torch
from torch import nn

# (channels out, stride in time, stride in frequency)
LAYERS = {
    "small": [(32, 1, 2), (32, 2, 2), (32, 1, 2), (64, 2, 1), (64, 1, 2), (64, 1, 1)],
    "large": [(32, 1, 2), (64, 2, 2), (64, 1, 2), (96, 2, 1), (128, 1, 2), (128, 1, 1)],
}
COLUMNS = 7  # 112 bins after four halvings
EMBEDDING, ATTENTION = 96, 32


class Countermeasure(nn.Module):
    """[batch, views, frames, 112] floored, mean-free log spectra (and phase views) -> [batch, 1] logit, positive for genuine speech."""

    def __init__(self, size="small", views=1, dropout=0.2):
        super().__init__()
        self.layers = LAYERS[size]
        blocks, before = [], views
        for channels, time, frequency in self.layers:
            blocks += [nn.Conv2d(before, channels, 3, (time, frequency), 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
            before = channels
        self.convolutions = nn.Sequential(*blocks)
        # A convolution over all remaining columns: the frequency axis disappears here.
        self.project = nn.Sequential(nn.Conv2d(before, EMBEDDING, (1, COLUMNS), bias=False), nn.BatchNorm2d(EMBEDDING), nn.ReLU())
        self.attention = nn.Sequential(nn.Conv2d(EMBEDDING, ATTENTION, 1), nn.Tanh(), nn.Conv2d(ATTENTION, EMBEDDING, 1))
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(2 * EMBEDDING, 1)

    def forward(self, features):
        # ln power has a deviation of about 2 to 3; a third of it suits the first layer's default weights.
        x = self.project(self.convolutions(features * 0.33)).squeeze(3)
        weights = torch.softmax(self.attention(x.unsqueeze(3)).squeeze(3).float(), 2)
        x = x.float()
        mean = (x * weights).sum(2)
        deviation = torch.sqrt(torch.relu((x * x * weights).sum(2) - mean * mean) + 1e-5)
        return self.output(self.dropout(torch.cat([mean, deviation], 1)))
