#!/bin/bash
# The benchmark on a Kafka and Redis of its own, on this machine. RUNS=3 COPIES=14 (x 71,036 events).
set -euo pipefail
cd "$(dirname "$0")/../.."
exec tests/broker/services.sh with kafka redis -- tests/bench/bench.py
