#!/bin/bash
# The demonstration, on its own Kafka and Redis or on those that KAFKA and REDIS name.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -n "${KAFKA:-}" ] || echo "demo: starting Apache Kafka and Redis on free ports"
exec tests/broker/services.sh with kafka redis -- tests/demo/demo.py
