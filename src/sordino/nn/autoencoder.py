"""The replacement autoencoder, and the gated one that keeps more of the required emotion."""
from __future__ import annotations
import torch
from torch import Tensor, nn
from sordino.nn.reversal import reverse

class Auto(nn.Module):
    def __init__(self, inputs, a=16, gate=False, reversal=0., noise=0., center=None, spread=None, surrogate=None, mean=None,drop=0.):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(inputs, 8*a), nn.SELU(), nn.Linear(8*a, 2*a), nn.SELU(), nn.Linear(2*a, a), nn.SELU())
        self.dec = nn.Sequential(nn.Linear(a, 2*a), nn.SELU(), nn.Linear(2*a, 8*a), nn.SELU(), nn.Linear(8*a, inputs))
        self.gender = nn.Sequential(nn.Linear(a, 2*a), nn.SELU(), nn.Linear(2*a, 2))
        self.gate = nn.Linear(a, 1) if gate else None
        self.reversal, self.noise = reversal, noise
        self.register_buffer("center", center if center is not None else torch.zeros(inputs))
        self.register_buffer("spread", spread if spread is not None else torch.ones(inputs))
        self.surrogate = surrogate
        if surrogate is not None: surrogate.requires_grad_(False)
    def forward(self, x):
        u=(x-self.center)/self.spread
        if self.training and self.noise: u = u + self.noise*torch.randn_like(u)
        z = self.enc(u)
        out = self.dec(z)*self.spread+self.center
        if self.gate is not None:
            g = torch.sigmoid(self.gate(z))
            out = g*x+(1-g)*out
        return out, self.gender(reverse(z,self.reversal))
