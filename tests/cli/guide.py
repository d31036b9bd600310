#!/usr/bin/env python3
"""Walks the console blocks of config/policies/README.md: runs what stands after `$ `, and looks for what it is said to
print, line by line and in order; … stands for any lines.

  guide.py JOURNEYD
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
daemon = os.path.abspath(sys.argv[1])
with open(os.path.join(ROOT, "config/policies/README.md"), encoding="utf-8") as f:
    blocks = re.findall(r"^```console\n(.*?)^```$", f.read(), re.M | re.S)
passed = failed = 0


def steps():
    command, said = None, []
    for line in "".join(blocks).splitlines():
        if line.startswith("$ "):
            if command is not None:
                yield command, said
            command, said = line[2:], []
        elif line.startswith("> "):
            command += "\n" + line[2:]
        else:
            said.append(line)
    yield command, said


def missing(said, output):
    """The first line that is not there: at its place, or anywhere after a `…`."""
    lines, at, anywhere = output.splitlines(), 0, False
    for line in said:
        if line == "…":
            anywhere = True
            continue
        found = at
        while anywhere and found < len(lines) and lines[found] != line:
            found += 1
        if found >= len(lines) or lines[found] != line:
            return line
        at, anywhere = found + 1, False
    return None if anywhere or at == len(lines) else "nothing more, not " + lines[at]


with tempfile.TemporaryDirectory() as here:
    shutil.copytree(os.path.join(ROOT, "config/policies/starter"), os.path.join(here, "starter"))
    subprocess.run([sys.executable, os.path.join(ROOT, "tests/data/open_payments/convert.py"),
                    os.path.join(here, "history.jsonl")], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.makedirs(os.path.join(here, "bin"))
    os.symlink(daemon, os.path.join(here, "bin", "journeyd"))
    environment = {**os.environ, "PATH": os.path.join(here, "bin") + ":" + os.environ["PATH"]}
    for command, said in steps():
        ran = subprocess.run(["bash", "-c", command], cwd=here, env=environment, text=True, timeout=200,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output = "\n".join(line for line in ran.stdout.splitlines() if not re.match(r"\d+ events \(", line))
        lost = missing(said, output)
        if lost is None:
            passed += 1
            print("  ok:", command.splitlines()[0][:100])
        else:
            failed += 1
            print("FAIL -", command, "\n    wanted:", lost, "\n    said:", output[-1500:])
print(f"{passed} passed, {failed} failed, 0 skipped")
sys.exit(failed > 0)
