"""Two learning curves side by side, and whether they agree.

    python3 compare.py THEIRS.csv OURS.csv [TOLERANCE]

Files have lines "step,name,value". Ends badly where a value that both have
differs by more than the tolerance, 0.01 of it unless told."""
import sys


def curves(path):
    with open(path) as f:
        lines = [line.rstrip("\n").split(",") for line in f]
    return {(int(p[0]), p[1]): float(p[2]) for p in lines if p[0].isdigit()}


def main():
    theirs, ours = curves(sys.argv[1]), curves(sys.argv[2])
    tolerance = float(sys.argv[3]) if len(sys.argv) > 3 else 0.01
    both = sorted(set(theirs) & set(ours), key=lambda key: (key[1], key[0]))
    if not both:
        sys.exit("curves: the two files have no point in common")
    worst = 0
    print(f"{'step':>6}  {'curve':<20}{'PyTorch':>9}{'Orrery':>9}{'apart':>8}")
    for key in both:
        apart = ours[key] / theirs[key] - 1
        worst = max(worst, abs(apart))
        print(f"{key[0]:>6}  {key[1]:<20}{theirs[key]:>9.2f}{ours[key]:>9.2f}{apart:>8.2%}")
    print(f"{len(both)} points, at most {worst:.2%} apart, {tolerance:.0%} allowed")
    sys.exit(worst > tolerance)


main()
