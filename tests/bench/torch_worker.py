"""PyTorch's side of a paired measurement: the protocol of worker.lua.

    torch_worker.py WORKLOAD THREADS [STYLE]

Also answers `flop`: multiplications and additions of the products and
convolutions in one step, counted as they are dispatched.
"""
import json
import os
import statistics
import sys
import time

name, threads = sys.argv[1], int(sys.argv[2])
style = sys.argv[3] if len(sys.argv) > 3 else "plain"
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = str(threads)

import torch  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

import torch_workloads as workloads  # noqa: E402

torch.set_flush_denormal(True)
torch.set_num_threads(threads)


class Flops(TorchDispatchMode):
    total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        op = func.overloadpacket.__name__
        if op in ("mm", "bmm"):
            self.total += 2 * out.numel() * args[0].shape[-1]
        elif op in ("addmm", "baddbmm"):
            self.total += 2 * out.numel() * args[1].shape[-1]
        elif op == "convolution":
            x, weight, turned = args[0], args[1], args[6]
            self.total += 2 * (x if turned else out).numel() * weight[0].numel()
        elif op == "convolution_backward":
            g, x, weight, turned, wanted = (args[0], args[1], args[2], args[7],
                                            args[10])
            self.total += (2 * (x if turned else g).numel()
                           * weight[0].numel() * (wanted[0] + wanted[1]))
        return out


def resident(key):
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(key):
                return int(line.split()[1]) / 1024
    return 0


def cases_of(name):
    if name in ("small", "large", "products"):
        wanted = {"small": "op_small", "products": "sgemm"}.get(name)
        return {k: v for k, v in workloads.micro().items()
                if (k.startswith(wanted) if wanted else
                    not k.startswith(("op_small", "sgemm")))}
    if name == "large_matrices":
        return workloads.large_matrices()
    how = workloads.Style("foreach" in style, "channels_last" in style)
    return {name: (getattr(workloads, name)(how), 1)}


def run(case, seconds):
    fn, inner = case
    times, begin = [], time.perf_counter()
    now = begin
    while now - begin < seconds:
        fn()
        after = time.perf_counter()
        times.append((after - now) / inner)
        now = after
    return {"calls": len(times), "median": statistics.median(times),
            "min": min(times)}


def flop(cases):
    counts = {}
    for case, (fn, inner) in cases.items():
        with Flops() as counter:
            fn()
        counts[case] = counter.total / inner
    return counts


start = resident("VmHWM")
torch.manual_seed(0)
cases = cases_of(name)
print(json.dumps({"cases": sorted(cases)}), flush=True)
for line in sys.stdin:
    words = line.rstrip("\n").split(" ", 2)
    if words[0] == "run":
        reply = run(cases[words[2]], float(words[1]))
    elif words[0] == "flop":
        reply = flop(cases)
    else:
        reply = {"start": start, "peak": resident("VmHWM")}
    print(json.dumps(reply), flush=True)
