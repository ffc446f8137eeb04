"""The encoder in PyTorch, for the benches to be measured against: the same work on the same weights.

    python peer_pytorch.py FOLDER --bench movie_gradient|training_step|prediction --way published|best|compiled [--device cuda]

Three ways, both ours, written from the paper's description:

published   conv3d throughout, batch norms of their own, parameters that require gradients: what the published
            scripts do, who compute the gradients of all weights to throw them away
best        the fastest frozen form we found: channels-last conv2d with time folded into the batch, batch norms
            folded into the convolutions, stem and first expansion collapsed, no gradients of weights
compiled    the same through torch.compile, which takes about a minute before the first run, and a C++ compiler

"best tf32", "compiled bf16" and so on compute their products in that precision.

FOLDER holds model.safetensors and input.npy as a bench of v1reel wrote them. Each line "check" on stdin writes the
answers to FOLDER and says so; each line "run" does the work once and says how long it took.
"""

import argparse
import json
import math
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def read_safetensors(path):
    """Reads tensors and settings; the format is a length, a JSON header and raw numbers."""
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    config = json.loads(header.pop("__metadata__")["v1reel"])["config"]
    tensors = {}
    for name, entry in header.items():
        start, end = (8 + size + offset for offset in entry["data_offsets"])
        values = np.frombuffer(raw[start:end], "<f4").reshape(entry["shape"])
        tensors[name] = torch.from_numpy(values.copy())
    return config, tensors


def encoding(inv_freq, channels, time, height, width):
    """The positional encoding, [time, height, width, channel]."""

    def axis(length):
        angle = torch.arange(length, dtype=torch.float32)[:, None] * inv_freq[None]
        return torch.cat([angle.sin(), angle.cos()], 1)

    n = 2 * len(inv_freq)
    parts = [
        axis(time)[:, None, None].expand(time, height, width, n),
        axis(height)[None, :, None].expand(time, height, width, n),
        axis(width)[None, None].expand(time, height, width, n),
    ]
    return torch.cat(parts, 3)[..., :channels].contiguous()


def nearest(size, reached):
    """The source of each position of a nearest downsampling, as PyTorch picks it."""
    scale = np.float32(size) / np.float32(reached)
    return torch.tensor([min(int(np.float32(i) * scale), size - 1) for i in range(reached)])


# The published form.


def norm3d(tensors, name):
    channels = len(tensors[f"{name}.gamma"])
    norm = nn.BatchNorm3d(channels)
    norm.weight.data, norm.bias.data = tensors[f"{name}.gamma"], tensors[f"{name}.beta"]
    norm.running_mean, norm.running_var = tensors[f"{name}.running_mean"], tensors[f"{name}.running_var"]
    return norm


def conv3d(weight, shape, bias=None, **options):
    """A convolution whose weight is `weight` in the shape that conv3d wants."""
    weight = weight.reshape(shape)
    groups = options.get("groups", 1)
    conv = nn.Conv3d(shape[1] * groups, shape[0], tuple(shape[2:]), bias=bias is not None, **options)
    conv.weight.data = weight
    if bias is not None:
        conv.bias.data = bias
    return conv


def drop_path(x, rate, training):
    if not training or rate == 0:
        return x
    kept = torch.bernoulli(torch.full((x.shape[0],) + (1,) * (x.dim() - 1), 1 - rate)) / (1 - rate)
    return x * kept


class PublishedBlock(nn.Module):
    def __init__(self, config, tensors, index):
        super().__init__()
        take = lambda part: tensors[f"core.blocks.{index}.{part}"]
        norm = lambda part: norm3d(tensors, f"core.blocks.{index}.{part}")
        inner, width = take("expand.weight").shape
        out = take("project.weight").shape[0]
        squeezed = take("squeeze_excite.reduce.weight").shape[0]
        side, length, self.stride = config["spatial_kernel"], config["temporal_kernel"], config["spatial_strides"][index]
        self.inv_freq, self.out = take("positional.inv_freq"), out
        self.rate = config["drop_path_rate"] * index / len(config["core_features"])
        self.expand = nn.Sequential(conv3d(take("expand.weight"), (inner, width, 1, 1, 1)), norm("expand_norm"), nn.SiLU())
        self.spatial = nn.Sequential(
            conv3d(
                take("spatial.weight"),
                (inner, 1, 1, side, side),
                stride=(1, self.stride, self.stride),
                padding=(0, side // 2, side // 2),
                groups=inner,
            ),
            norm("spatial_norm"),
            nn.SiLU(),
        )
        self.temporal = nn.Sequential(
            conv3d(take("temporal.weight"), (inner, 1, length, 1, 1), padding=(length // 2, 0, 0), groups=inner),
            norm("temporal_norm"),
            nn.SiLU(),
        )
        self.reduce = conv3d(take("squeeze_excite.reduce.weight"), (squeezed, inner, 1, 1, 1), take("squeeze_excite.reduce.bias"))
        self.gate = conv3d(take("squeeze_excite.expand.weight"), (inner, squeezed, 1, 1, 1), take("squeeze_excite.expand.bias"))
        self.project = nn.Sequential(conv3d(take("project.weight"), (out, inner, 1, 1, 1)), norm("project_norm"))
        self.shortcut_norm = norm("shortcut_norm")

    def forward(self, x):
        _, channels, frames, height, width = x.shape
        x = x + encoding(self.inv_freq, channels, frames, height, width).permute(3, 0, 1, 2)[None]
        y = self.temporal(self.spatial(self.expand(x)))
        y = y * torch.sigmoid(self.gate(F.silu(self.reduce(y.mean((2, 3, 4), keepdim=True)))))
        y = drop_path(self.project(y), self.rate, self.training)
        around = x
        if self.stride > 1:
            around = F.interpolate(x, size=(frames, *y.shape[3:]), mode="nearest")
        around = around.repeat(1, math.ceil(self.out / channels), 1, 1, 1)[:, : self.out]
        return y + self.shortcut_norm(around)


class PublishedCortexLayer(nn.Module):
    def __init__(self, config, tensors, index):
        super().__init__()
        name = f"cortex.layers.{index}"
        weight = tensors[f"{name}.conv.weight"]
        self.groups, self.out, self.rate = config["groups"], len(weight), config["drop_path_rate"]
        self.conv = nn.Conv1d(weight.shape[1] * self.groups, self.out, 1, groups=self.groups, bias=False)
        self.conv.weight.data = weight[..., None]
        self.norm, self.shortcut_norm = (nn.BatchNorm1d(self.out) for _ in range(2))
        for norm, part in (self.norm, "norm"), (self.shortcut_norm, "shortcut_norm"):
            norm.weight.data, norm.bias.data = tensors[f"{name}.{part}.gamma"], tensors[f"{name}.{part}.beta"]
            norm.running_mean, norm.running_var = tensors[f"{name}.{part}.running_mean"], tensors[f"{name}.{part}.running_var"]

    def forward(self, x):
        y = F.silu(self.norm(self.conv(x)))
        batch, channels, frames = y.shape
        y = y.view(batch, self.groups, channels // self.groups, frames).transpose(1, 2).reshape(batch, channels, frames)
        y = drop_path(y, self.rate, self.training)
        around = x.repeat(1, math.ceil(self.out / x.shape[1]), 1)[:, : self.out]
        return y + self.shortcut_norm(around)


class Published(nn.Module):
    """Input [batch, channel, time, height, width], output [batch, neuron, time] of mouse 0."""

    def __init__(self, config, tensors):
        super().__init__()
        weight = tensors["core.stem.conv.weight"]
        self.stem = nn.Sequential(conv3d(weight, (*weight.shape, 1, 1, 1)), norm3d(tensors, "core.stem.norm"))
        self.blocks = nn.Sequential(*(PublishedBlock(config, tensors, i) for i in range(len(config["core_features"]))))
        self.cortex = nn.Sequential(
            *(PublishedCortexLayer(config, tensors, i) for i in range(len(config["cortex_features"])))
        )
        weight = tensors["readouts.0.conv.weight"]
        self.neurons, self.beta, groups = config["readout_outputs"][0], config["softplus_beta"], config["groups"]
        self.readout = nn.Conv1d(weight.shape[1] * groups, len(weight), 1, groups=groups)
        self.readout.weight.data, self.readout.bias.data = weight[..., None], tensors["readouts.0.conv.bias"]
        self.dropout = nn.Dropout1d(config["drop_rate"])

    def forward(self, x):
        x = self.blocks(self.stem(x)).mean((3, 4))
        y = self.readout(self.dropout(self.cortex(x)))[:, : self.neurons]
        return F.softplus(y, beta=self.beta)


# The best frozen form.


class Best:
    """Input [batch, channel, time, height, width], output [batch, neuron, time] of mouse 0."""

    def __init__(self, config, tensors, size):
        self.config, frames = config, size[0]
        height, width = size[1:]
        stem, shift = self.fold(tensors, "core.stem.conv.weight", "core.stem.norm")
        self.blocks = []
        for index, stride in enumerate(config["spatial_strides"]):
            name = f"core.blocks.{index}"
            expand, expand_bias = self.fold(tensors, f"{name}.expand.weight", f"{name}.expand_norm")
            spatial, spatial_bias = self.fold(tensors, f"{name}.spatial.weight", f"{name}.spatial_norm")
            temporal, temporal_bias = self.fold(tensors, f"{name}.temporal.weight", f"{name}.temporal_norm")
            project, project_bias = self.fold(tensors, f"{name}.project.weight", f"{name}.project_norm")
            around = self.norm(tensors, f"{name}.shortcut_norm")
            reached = [-(-height // stride), -(-width // stride)]
            position = encoding(tensors[f"{name}.positional.inv_freq"], expand.shape[1], frames, height, width)
            rows, columns = nearest(height, reached[0]), nearest(width, reached[1])
            block = dict(
                stride=stride,
                expand=self.pointwise(expand),
                expand_bias=expand_bias,
                spatial=spatial[:, None].contiguous(memory_format=torch.channels_last),
                spatial_bias=spatial_bias,
                temporal=temporal[:, None, :, None].contiguous(memory_format=torch.channels_last),
                temporal_bias=temporal_bias,
                reduce=tensors[f"{name}.squeeze_excite.reduce.weight"],
                reduce_bias=tensors[f"{name}.squeeze_excite.reduce.bias"],
                gate=tensors[f"{name}.squeeze_excite.expand.weight"],
                gate_bias=tensors[f"{name}.squeeze_excite.expand.bias"],
                project=self.pointwise(project),
                project_bias=project_bias + around[1],
                around=around[0],
                position=position.permute(0, 3, 1, 2),
                sample=(rows[:, None], columns[None]) if stride > 1 else None,
                out=len(project),
            )
            if index == 0:
                # Affine after affine: stem, encoding and expansion collapse; the encoding becomes a bias.
                flat = position.reshape(-1, position.shape[3])
                bias = ((flat + shift) @ expand.T + expand_bias).reshape(frames, height, width, -1)
                block["collapsed"] = self.pointwise(expand @ stem)
                block["collapsed_bias"] = bias.permute(0, 3, 1, 2)
                block["stem"], block["stem_bias"] = self.pointwise(stem), shift
                block["position"] = block["position"][:, :, rows[:, None], columns[None]] if stride > 1 else block["position"]
            self.blocks.append(block)
            height, width = reached
        self.layers = []
        for index in range(len(config["cortex_features"])):
            name = f"cortex.layers.{index}"
            weight, bias = self.fold(tensors, f"{name}.conv.weight", f"{name}.norm")
            self.layers.append((weight, bias, *self.norm(tensors, f"{name}.shortcut_norm")))
        self.readout = tensors["readouts.0.conv.weight"], tensors["readouts.0.conv.bias"]

    def norm(self, tensors, name):
        gamma, beta, mean, var = (tensors[f"{name}.{part}"].double() for part in ("gamma", "beta", "running_mean", "running_var"))
        scale = gamma / (var + 1e-5).sqrt()
        return scale.float(), (beta - mean * scale).float()

    def fold(self, tensors, weight, norm):
        scale, shift = self.norm(tensors, norm)
        weight = tensors[weight]
        return weight * scale.reshape(-1, *[1] * (weight.dim() - 1)), shift

    def pointwise(self, weight):
        return weight[:, :, None, None].contiguous(memory_format=torch.channels_last)

    def __call__(self, x):
        batch, channels, frames, height, width = x.shape
        # [batch * time, channel, height, width], channels last in memory.
        x = x.permute(0, 2, 3, 4, 1).reshape(batch * frames, height, width, channels).permute(0, 3, 1, 2)
        for index, block in enumerate(self.blocks):
            x = self.block(x, block, batch, index == 0)
        x = x.mean((2, 3))
        for weight, bias, scale, shift in self.layers:
            y = F.silu(self.grouped(x, weight, bias))
            y = y.view(len(y), self.config["groups"], -1).transpose(1, 2).reshape(len(y), -1)
            x = y + x.repeat(1, math.ceil(len(bias) / x.shape[1]))[:, : len(bias)] * scale + shift
        y = self.grouped(x, *self.readout)[:, : self.config["readout_outputs"][0]]
        return F.softplus(y, beta=self.config["softplus_beta"]).view(batch, frames, -1).transpose(1, 2)

    def grouped(self, x, weight, bias):
        parts = zip(x.chunk(self.config["groups"], 1), weight.chunk(self.config["groups"]))
        return torch.cat([part @ rows.T for part, rows in parts], 1) + bias

    def block(self, x, block, batch, first):
        frames = len(x) // batch
        if first:
            y = F.conv2d(x, block["collapsed"]) + block["collapsed_bias"].repeat(batch, 1, 1, 1)
            around = x if block["sample"] is None else x[:, :, block["sample"][0], block["sample"][1]]
            around = F.conv2d(around, block["stem"], block["stem_bias"]) + block["position"].repeat(batch, 1, 1, 1)
        else:
            x = x + block["position"].repeat(batch, 1, 1, 1)
            y = F.conv2d(x, block["expand"], block["expand_bias"])
            around = x if block["sample"] is None else x[:, :, block["sample"][0], block["sample"][1]]
        side = block["spatial"].shape[2] // 2
        y = F.conv2d(F.silu(y), block["spatial"], block["spatial_bias"], block["stride"], side, groups=y.shape[1])
        _, inner, height, width = y.shape
        # Time becomes the rows of an image, space its columns; the memory stays as it is.
        y = F.silu(y).permute(0, 2, 3, 1).reshape(batch, frames, height * width, inner).permute(0, 3, 1, 2)
        y = F.conv2d(y, block["temporal"], block["temporal_bias"], 1, (block["temporal"].shape[2] // 2, 0), groups=inner)
        y = F.silu(y)
        gate = F.silu(F.linear(y.mean((2, 3)), block["reduce"], block["reduce_bias"]))
        y = y * torch.sigmoid(F.linear(gate, block["gate"], block["gate_bias"]))[:, :, None, None]
        y = y.permute(0, 2, 3, 1).reshape(batch * frames, height, width, inner).permute(0, 3, 1, 2)
        y = F.conv2d(y, block["project"], block["project_bias"])
        repeats = math.ceil(block["out"] / around.shape[1])
        around = around.repeat(1, repeats, 1, 1)[:, : block["out"]] if repeats > 1 else around
        return y + around * block["around"][:, None, None]


# The benches.


def poisson(predicted, recorded):
    return predicted - recorded * torch.log(predicted + 1e-8)


def load(path):
    return torch.from_numpy(np.load(path)).to(torch.get_default_device())


class MovieGradient:
    """The gradient of the loss, mean over neurons and frames, to all channels, a batch of clips at a time."""

    def __init__(self, way, config, tensors, folder, batch):
        self.input = load(folder / "input.npy")
        self.target = load(folder / "target.npy")
        self.encoder = Published(config, tensors).eval() if way == "published" else Best(config, tensors, self.input.shape[2:])
        if way == "compiled":
            self.encoder = torch.compile(self.encoder)
        self.batch, self.way = batch, way

    def run(self):
        outputs, gradients = [], []
        for clips, target in zip(self.input.split(self.batch), self.target.split(self.batch)):
            clips = clips.clone().requires_grad_()
            predicted = self.encoder(clips)
            # Each clip's own mean, so that the size of a batch does not matter.
            poisson(predicted, target).mean((1, 2)).sum().backward()
            if self.way == "published":
                self.encoder.zero_grad(set_to_none=False)
            outputs.append(predicted.detach())
            gradients.append(clips.grad)
        return torch.cat(outputs), torch.cat(gradients)


class Prediction:
    """The responses to clips, nothing else."""

    def __init__(self, way, config, tensors, folder, batch):
        self.inner = MovieGradient(way, config, tensors, folder, batch)

    @torch.no_grad()
    def run(self):
        inner = self.inner
        return torch.cat([inner.encoder(clips) for clips in inner.input.split(inner.batch)]), None


class TrainingStep:
    """Forward, backward, AdamW and moving average of one batch; without drops, so that losses can be compared."""

    def __init__(self, way, config, tensors, folder, batch):
        assert way == "published", "training has one way: the published one"
        config = config | {"drop_rate": 0.0, "drop_path_rate": 0.0}
        self.input = load(folder / "input.npy")
        self.target = load(folder / "target.npy")
        self.encoder = Published(config, tensors).train()
        self.optimizer = torch.optim.AdamW(self.encoder.parameters(), lr=1e-6, weight_decay=0.05)
        self.average = {name: value.clone() for name, value in self.encoder.state_dict().items()}

    def run(self):
        self.optimizer.zero_grad()
        loss = poisson(self.encoder(self.input), self.target).sum((1, 2)).mean()
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            for name, value in self.encoder.state_dict().items():
                if value.dtype.is_floating_point:
                    self.average[name].lerp_(value, 0.001)
        return loss.detach().reshape(1), None


def limit_memory():
    """Lets an allocation that does not fit fail here, rather than have the kernel kill a process."""
    fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    resident = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    kb = lambda text: int(text.split()[0])
    limit = (kb(fields["MemAvailable"]) + kb(resident["VmSize"])) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


def main():
    benches = {"movie_gradient": MovieGradient, "training_step": TrainingStep, "prediction": Prediction}
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bench", choices=benches, required=True)
    parser.add_argument("--way", required=True, help="published, best or compiled, and a precision")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    way, _, precision = arguments.way.partition(" ")
    assert way in ("published", "best", "compiled") and precision in ("", "tf32", "bf16"), arguments.way
    torch.set_num_threads(arguments.threads)
    torch.set_default_device(arguments.device)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    config, tensors = read_safetensors(arguments.folder / "model.safetensors")
    tensors = {name: tensor.to(arguments.device) for name, tensor in tensors.items()}
    bench = benches[arguments.bench](way, config, tensors, arguments.folder, arguments.batch)
    say = lambda **answer: print(json.dumps(answer), flush=True)
    say(torch=torch.__version__, threads=torch.get_num_threads())
    for line in sys.stdin:
        limit_memory()
        start = time.perf_counter()
        try:
            with torch.autocast(arguments.device, torch.bfloat16, enabled=precision == "bf16"):
                outputs, gradients = bench.run()
            if arguments.device == "cuda":
                torch.cuda.synchronize()
        except (RuntimeError, MemoryError) as error:
            say(error=str(error).splitlines()[0][:200])
            return
        seconds = time.perf_counter() - start
        if line.strip() == "check":
            np.save(arguments.folder / f"{arguments.way}_outputs.npy", outputs.float().cpu().numpy())
            if gradients is not None:
                np.save(arguments.folder / f"{arguments.way}_gradients.npy", gradients.float().cpu().numpy())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        say(seconds=seconds, peak_rss_mb=peak)


if __name__ == "__main__":
    main()
