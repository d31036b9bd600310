"""Where a process spends its time, by layer of the code: perf's samples, each function with the folder of its source."""
import collections
import re
import shutil
import signal
import subprocess

HOW_TO = "perf is not installed: no profile (Debian: apt-get install linux-perf)"
LIBRARIES = (("rdkafka", "librdkafka"), ("libc.so", "libc"), ("lz4", "lz4"), ("libcrypto", "libcrypto"),
             ("hiredis", "hiredis"), ("vdso", "kernel"), ("kernel", "kernel"))


class Profile:
    """perf record on a running process, from construction to stop()."""

    def __init__(self, pid, data):
        self.data = data
        self.perf = subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock", "-F", "499", "-p", str(pid), "-o",
                                      str(data)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @staticmethod
    def possible():
        return shutil.which("perf") is not None

    def stop(self):
        self.perf.send_signal(signal.SIGINT)
        self.perf.wait()


def layers_of(binary):
    """Function name → the folder under daemon/ that defines it."""
    listed = subprocess.run(["nm", "-l", "--defined-only", str(binary)], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True).stdout
    layers = collections.defaultdict(set)
    for name, layer in re.findall(r"^\S+ [tT] (\S+)\t.*?/daemon/(\w+)/", listed, re.M):
        layers[name].add(layer)
    return {name: found.pop() if len(found) == 1 else "several" for name, found in layers.items()}


def print_profile(data, binary):
    report = subprocess.run(["perf", "report", "-i", str(data), "--stdio", "--no-children", "-g", "none", "--sort",
                             "dso,symbol"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    layers, shares, functions = layers_of(binary), collections.Counter(), collections.defaultdict(list)
    for share, library, name in re.findall(r"^\s+([\d.]+)%\s+(\S+)\s+\[[.k]\] (\S+)", report, re.M):
        layer = layers.get(name, "base") if library == binary.name else next(
            (title for part, title in LIBRARIES if part in library), library)
        shares[layer] += float(share)
        functions[layer].append((float(share), name))
    for layer, share in shares.most_common():
        if share >= 0.5:
            top = ", ".join(f"{name} {part:.1f}" for part, name in functions[layer][:5] if not name.startswith("0x"))
            print(f"  {share:5.1f} %  {layer:10} {top}")
