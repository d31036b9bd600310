#!/bin/bash
# The benchmark on a Kafka and Redis of its own, on this machine. RUNS=3 COPIES=14 (x 71,036 events); RUNS=1 COPIES=2
# is a look, of a few minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec tests/broker/services.sh with kafka redis -- tests/bench/bench.py
