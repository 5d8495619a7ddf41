#!/usr/bin/env python3
"""Trains for long and watches the memory that the process occupies.

    python3 tests/bench/soak.py                    the small nets, both ways
    python3 tests/bench/soak.py dcgan28 --steps 500 --eager

Each workload runs in a process of its own, eagerly and compiled. A line gives
the resident memory at each tenth of the steps, in MB, and the live bytes of
tensors. Until the third mark it may grow: Lua's collector waits until garbage
is a quarter of what is live. It has grown for good, and the command fails, when
any later mark is above the third by more than 2 MB and 2 % of it, or when the
live bytes at the end are not those at the first mark. Blocks taken from the
system after the third are counted. Needs a build in build/.
"""
import argparse
import os
import sys

from run import HERE, ROOT, TRAINING, Worker

SMALL = ["gan2d", "wgan_gp2d", "unrolled2d", "vae_mlp"]
MARKS, WARM = 10, 3


def parse():
    ap = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    ap.add_argument("workloads", nargs="*",
                    help="default: " + ", ".join(SMALL))
    ap.add_argument("--steps", type=int, default=10000)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--eager", action="store_true", help="only eagerly")
    ap.add_argument("--compiled", action="store_true", help="only compiled")
    ap.add_argument("--build", default=os.path.join(ROOT, "build"))
    args = ap.parse_args()
    unknown = [n for n in args.workloads if n not in TRAINING]
    if unknown:
        sys.exit("soak: no workload %s; there are %s" % (
            unknown[0], ", ".join(TRAINING)))
    if args.steps < MARKS:
        sys.exit("soak: steps is %d; give at least %d" % (args.steps, MARKS))
    return args


def worker(args, name, compiled):
    env = dict(os.environ, LUA_PATH=os.path.join(ROOT, "tests", "?.lua")
               + ";;")
    argv = [os.path.join(args.build, "orrery"),
            os.path.join(HERE, "worker.lua"), name, str(args.threads)]
    return Worker(argv + ["compiled"] * compiled, env)


def soak(args, name, compiled):
    """Whether it stayed flat; prints the line of it."""
    w = worker(args, name, compiled)
    done, marks = 0, []
    print("%-15s %-8s" % (name, "compiled" if compiled else "eager"), end="",
          flush=True)
    for k in range(1, MARKS + 1):
        upto = args.steps * k // MARKS
        marks.append(w.ask("steps %d %s" % (upto - done, name)))
        done = upto
        print(" %.1f" % marks[-1]["resident"], end="", flush=True)
    w.close()
    resident = [m["resident"] for m in marks[WARM - 1:]]
    grown = max(resident) - resident[0]
    flat = grown <= 2 + 0.02 * resident[0]
    same = marks[-1]["live"] == marks[0]["live"]
    print("  grown %+.1f MB, live %.3f MB%s%s, %d blocks from the system  "
          "(%d steps, %.0f s)" % (
        grown, marks[-1]["live"], "" if flat else "  NOT FLAT",
        "" if same else ", was %.3f  NOT THE SAME" % marks[0]["live"],
        sum(m["fresh"] for m in marks[WARM:]), args.steps, sum(m["seconds"] for m in marks)), flush=True)
    return flat and same


def main():
    args = parse()
    ways = [True] if args.compiled else [False, True]
    ways = [False] if args.eager and not args.compiled else ways
    results = [soak(args, name, compiled)
               for name in args.workloads or SMALL for compiled in ways]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
