"""Prints the symbols of a program that were used, in the order of the reports that are given.

usage: order.py PROGRAM REPORT...

A report `*.calls` is callgrind's: the functions that ran. One `*.data` is the list of accesses to
memory that lackey makes: the variables that were read or written.
"""
import bisect
import re
import subprocess
import sys

# Larger ones fill pages by themselves.
LARGEST_VARIABLE = 20_000


def symbols(program):
    """The variables of the program that lie in memory of its own: start, end, name."""
    sections = {}
    listing = subprocess.run(["readelf", "-SW", program], capture_output=True, text=True).stdout
    for line in listing.splitlines():
        if found := re.match(r"\s*\[\s*(\d+)\]\s+(\S+)", line):
            sections[found[1]] = found[2]
    found = []
    listing = subprocess.run(["readelf", "-sW", program], capture_output=True, text=True).stdout
    for line in listing.splitlines():
        words = line.split()
        if len(words) < 8 or words[3] not in ("OBJECT", "NOTYPE"):
            continue
        start, size = int(words[1], 16), int(words[2], 0)
        if sections.get(words[6]) in (".data", ".bss", ".data.rel.ro"):
            if 0 < size < LARGEST_VARIABLE:
                found.append((start, start + size, words[7]))
    return sorted(found)


def functions(report, program):
    """The names of the program's functions in a report of callgrind."""
    names, objects, current = {}, {}, ""
    for line in open(report, errors="replace"):
        found = re.match(r"(c?fn|c?ob)=\((\d+)\)(?: (.*))?", line.rstrip("\n"))
        if not found:
            continue
        kind, number, text = found.groups()
        known = names if kind.endswith("fn") else objects
        if text:
            known[number] = text
        if kind == "ob":
            current = objects.get(number, "")
        elif kind == "fn" and current.endswith(program):
            # Behind an apostrophe stands how deep a function calls itself.
            yield re.sub(r"'\d+$", "", names.get(number, ""))


def variables(report, known):
    """The names of the program's variables in a list of accesses."""
    starts = [start for start, _, _ in known]
    last = None
    for line in open(report, errors="replace"):
        found = re.match(r" [LSM] ([0-9a-f]+),", line)
        if not found or found[1][:-1] == last:
            continue
        last = found[1][:-1]
        address = int(found[1], 16)
        place = bisect.bisect_right(starts, address) - 1
        if place >= 0 and address < known[place][1]:
            yield known[place][2]


def main(program, reports):
    seen, known = {}, symbols(program)
    for report in reports:
        if report.endswith(".calls"):
            used = functions(report, program.rsplit("/", 1)[-1])
        else:
            used = variables(report, known)
        for name in used:
            # What has no name that a linker knows is left out.
            if re.fullmatch(r"[A-Za-z_$][\w$.]*", name) and name not in seen:
                seen[name] = True
                print(name)


main(sys.argv[1], sys.argv[2:])
