#!/usr/bin/env python3
"""Times Orrery and PyTorch on the same workloads, side by side.

    python3 tests/bench/run.py                    every workload, 2 threads
    python3 tests/bench/run.py gan2d maf --threads 1 --seconds 1

Two processes, one of each, take turns (A B A B ...); a line gives both
medians, the median of the paired ratios ours / PyTorch with its range, what
that is in GFLOP/s and as a share of the machine's peak, and the memory each
needed beyond its start. Drawing from a flow is also told in training steps of
ours, timed in between; PyTorch's takes half a minute a turn, so there are
three. Rows during which other processes took more than a tenth of a core are
not reported. Needs a build in build/ and a python with PyTorch, this one or
/usr/bin/python3; without one it times Orrery alone.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TRAINING = ["vae_mlp", "gan2d", "wgan_gp2d", "unrolled2d", "vae_conv",
            "dcgan28", "pix2pix64", "cyclegan64", "cyclegan128",
            "stylegan_small", "maf"]
CONV = {"vae_conv", "dcgan28", "pix2pix64", "cyclegan64", "cyclegan128",
        "stylegan_small"}
SAMPLING = ["maf_sample"]
MICRO = ["small", "large", "products", "large_matrices"]
EVERYTHING = ["process"] + MICRO + TRAINING + SAMPLING
# At most, ours / PyTorch, eager and compiled: what the project aims at.
AIMS = {"op_small": (0.3, None), "op_small taped": (0.3, None),
        "op_small chain": (0.25, 0.05), "ewise_big": (0.6, 0.25),
        "ewise_big backward": (0.6, 0.3), "softmax": (1, None),
        "sum": (1, None), "sgemm 128": (1, None), "sgemm 512": (1, None),
        "sgemm 2048": (1, None), "vae_mlp": (0.65, 0.5), "gan2d": (0.55, 0.4),
        "wgan_gp2d": (0.55, 0.4), "unrolled2d": (0.55, 0.4),
        "vae_conv": (0.5, 0.45), "dcgan28": (0.6, 0.55),
        "pix2pix64": (0.4, 0.35), "cyclegan64": (0.45, 0.4),
        "cyclegan128": (0.5, 0.45), "stylegan_small": (0.7, 0.6),
        "maf": (0.6, 0.5), "maf_sample": (0.005, 0.005),
        "sqrtm 2048": (1, None), "covariance 10000x2048": (1, None),
        "start": (0.02, None), "vae_mlp, 200 steps": (0.35, None)}
STEPS = {"maf_sample": 0.5}  # at most, in training steps of ours
TICKS = os.sysconf("SC_CLK_TCK")


def parse():
    head = __doc__.split("\n\n")[0]
    ap = argparse.ArgumentParser(description=head)
    ap.add_argument("workloads", nargs="*", help="default: all of "
                    + ", ".join(EVERYTHING))
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--seconds", type=float, default=0.5, help="of a turn")
    ap.add_argument("--rounds", type=int, default=7)
    ap.add_argument("--compiled", action="store_true",
                    help="training steps through orrery.compile")
    ap.add_argument("--build", default=os.path.join(ROOT, "build"))
    ap.add_argument("--json", metavar="FILE", help="where to write the rows")
    ap.add_argument("--chart", metavar="FILE", help="a .png or .svg of them")
    ap.add_argument("--noisy", action="store_true",
                    help="report disturbed rows too, marked")
    return ap.parse_args()


class Worker:
    """A process that runs what it is asked, one line at a time."""

    def __init__(self, argv, env=None):
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=env)
        self.cases = self.read()["cases"]

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("bench: %s ended early" % " ".join(self.process.args))
        return json.loads(line)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.read()

    def cpu(self):
        with open("/proc/%d/stat" % self.process.pid) as f:
            fields = f.read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def machine_cpu():
    with open("/proc/stat") as f:
        v = [int(x) for x in f.readline().split()[1:9]]
    return (sum(v[:3]) + sum(v[5:])) / TICKS  # all but idle and waiting


class Foreign:
    """Cores that anyone but the workers used while it was open."""

    def __init__(self, workers):
        self.workers = workers
        self.begin = self.now()

    def now(self):
        own = time.process_time() + sum(w.cpu() for w in self.workers)
        return time.perf_counter(), machine_cpu() - own

    def cores(self):
        (t0, used0), (t1, used1) = self.begin, self.now()
        return max(0.0, used1 - used0) / (t1 - t0)


class Bench:
    def __init__(self, args):
        self.args, self.rows = args, []
        self.python = find_torch()
        if not self.python:
            print("bench: no python here has PyTorch; install python3-torch "
                  "to compare. Orrery alone:")
        self.host = os.path.join(args.build, "orrery")
        if not os.path.exists(self.host):
            sys.exit("bench: %s is missing; build first" % self.host)

    def measure_peak(self):
        program = os.path.join(self.args.build, "tests", "bench", "peak")
        out = subprocess.run([program, str(self.args.threads)], check=True,
                             capture_output=True, text=True).stdout
        print("peak of %d threads: %s GFLOP/s" % (self.args.threads,
                                                  out.strip()))
        return float(out)

    # ------------------------------------------------------------ the two

    def ours(self, workload):
        env = dict(os.environ, LUA_PATH=os.path.join(ROOT, "tests", "?.lua")
                   + ";;")
        argv = [self.host, os.path.join(HERE, "worker.lua"), workload,
                str(self.args.threads)]
        return Worker(argv + ["compiled"] * self.args.compiled, env)

    def torch(self, workload):
        if not self.python:
            return None
        styles = ["plain"]
        if workload in TRAINING:
            styles = ["plain", "foreach"]
        if workload in CONV:
            styles += ["channels_last", "channels_last+foreach"]
        if len(styles) > 1:
            styles.sort(key=lambda style: self.trial(workload, style))
        return self.torch_worker(workload, styles[0])

    def torch_worker(self, workload, style):
        return Worker([self.python, os.path.join(HERE, "torch_worker.py"),
                       workload, str(self.args.threads), style])

    def trial(self, workload, style):
        worker = self.torch_worker(workload, style)
        for seconds in (0.1, self.args.seconds):
            median = worker.ask("run %g %s" % (seconds, workload))["median"]
        worker.close()
        return median

    # ---------------------------------------------------------- workloads

    def rounds(self, workload):
        slow = workload in SAMPLING and self.python
        return min(self.args.rounds, 3) if slow else self.args.rounds

    def compare(self, workload):
        a, b = self.ours(workload), self.torch(workload)
        workers = [w for w in (a, b) if w]
        # Of drawing the two do not do the same multiplications.
        flop = b.ask("flop") if b and workload not in SAMPLING else {}
        for case in a.cases:
            line = "run %g %s" % (self.args.seconds, case)
            training = line.replace(case, "training")
            for w in workers:
                w.ask(line)  # warm
            memory = [w.ask("memory") for w in workers]
            watch, pairs, steps = Foreign(workers), [], []
            for _ in range(self.rounds(workload)):
                pairs.append([w.ask(line)["median"] for w in workers])
                if workload in SAMPLING:
                    steps.append(pairs[-1][0] / a.ask(training)["median"])
            row = summary(case, pairs, flop.get(case), self.peak)
            if steps:
                row["steps"] = statistics.median(steps)
            row["foreign"] = round(watch.cores(), 3)
            if workload in TRAINING:
                memory = [w.ask("memory") for w in workers]
            if workload in TRAINING + SAMPLING:
                row["memory"] = memory
            self.report(row)
        for w in workers:
            w.close()

    def process(self):
        steps = ("local step = require('bench.mlp').vae_mlp() "
                 "for _ = 1, 200 do step() end")
        py = ("import sys; sys.path.insert(0, %r); import torch; "
              "torch.set_num_threads(%d); import torch_workloads as w; "
              "step = w.vae_mlp(w.Style(True)); [step() for _ in range(200)]"
              % (HERE, self.args.threads))
        env = dict(os.environ, ORRERY_THREADS=str(self.args.threads),
                   OMP_NUM_THREADS=str(self.args.threads),
                   LUA_PATH=os.path.join(ROOT, "tests", "?.lua") + ";;")
        for name, lua, python in (("start", "", "import torch"),
                                  ("vae_mlp, 200 steps", steps, py)):
            argvs = [[self.host, "-e", lua]]
            if self.python:
                argvs.append([self.python, "-c", python])
            for argv in argvs:
                subprocess.run(argv, check=True, env=env)
            pairs = [[spawn(argv, env) for argv in argvs]
                     for _ in range(self.args.rounds)]
            row = summary(name, pairs, None, None)
            row["foreign"] = None  # children are not watched
            self.report(row)

    def report(self, row):
        row["threads"], row["compiled"] = self.args.threads, self.args.compiled
        disturbed = row["foreign"] is not None and row["foreign"] > 0.1
        row["disturbed"] = disturbed
        if disturbed and not self.args.noisy:
            print("%-22s not reported: other processes took %.2f cores"
                  % (row["case"], row["foreign"]), flush=True)
            return
        self.rows.append(row)
        print(text(row), flush=True)

    def run(self):
        self.peak = self.measure_peak()
        names = self.args.workloads or EVERYTHING
        unknown = [n for n in names if n not in EVERYTHING]
        if unknown:
            sys.exit("bench: no workload %s; there are %s" % (
                unknown[0], ", ".join(EVERYTHING)))
        print("%-22s %10s %10s  %s" % ("", "ours", "PyTorch", "ratio"))
        for name in names:
            if name == "process":
                self.process()
            else:
                self.compare(name)
        if self.args.json:
            with open(self.args.json + ".tmp", "w") as f:
                json.dump({"rows": self.rows}, f, indent=1)
            os.replace(self.args.json + ".tmp", self.args.json)
        if self.args.chart:
            self.chart()

    def chart(self):
        rows = [r for r in self.rows if r.get("ratio")]
        subprocess.run([self.host, os.path.join(HERE, "chart.lua"),
                        self.args.chart], input=json.dumps(rows), text=True,
                       check=True)


def find_torch():
    for python in (sys.executable, "/usr/bin/python3"):
        probe = [python, "-c", "import torch"]
        if subprocess.run(probe, capture_output=True).returncode == 0:
            return python
    return None


def spawn(argv, env):
    begin = time.perf_counter()
    subprocess.run(argv, check=True, env=env)
    return time.perf_counter() - begin


def summary(case, pairs, flop, peak):
    row = {"case": case, "ours": statistics.median(p[0] for p in pairs)}
    if flop:
        row["gflops"] = flop / row["ours"] / 1e9
        if peak:
            row["share"] = row["gflops"] / peak
    if len(pairs[0]) > 1:
        ratios = sorted(p[0] / p[1] for p in pairs)
        row.update(torch=statistics.median(p[1] for p in pairs),
                   ratio=statistics.median(ratios), least=ratios[0],
                   most=ratios[-1])
    return row


def duration(seconds):
    for unit, scale in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            break
    return "%.3g %s" % (seconds / scale, unit)


def text(row):
    out = "%-22s %10s" % (row["case"], duration(row["ours"]))
    if "ratio" in row:
        digits = 3 if row["ratio"] > 0.02 else 5
        out += " %10s  " % duration(row["torch"])
        out += "%.*f [%.*f, %.*f]" % (digits, row["ratio"], digits,
                                      row["least"], digits, row["most"])
        aim = AIMS.get(row["case"], (None, None))[row["compiled"]]
        if aim:
            out += "  aim %g%s" % (aim, "" if row["ratio"] <= aim else " MISSED")
    if "steps" in row:
        aim = STEPS[row["case"]]
        out += "  %.2f of a training step  aim %g%s" % (
            row["steps"], aim, "" if row["steps"] <= aim else " MISSED")
    if "gflops" in row:
        out += "  %.0f GFLOP/s" % row["gflops"]
        if "share" in row:
            out += " (%.0f %% of peak)" % (100 * row["share"])
    if "memory" in row:
        out += "  memory " + " / ".join(
            "%.0f" % (m["peak"] - m["start"]) for m in row["memory"]) + " MB"
    if row["disturbed"]:
        out += "  DISTURBED (%.2f cores)" % row["foreign"]
    return out


if __name__ == "__main__":
    Bench(parse()).run()
