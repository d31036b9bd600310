#!/bin/bash
# The crash tests on their own broker and Redis, with BUILD=faults: run.sh [--kills N] [--seed S] [--only ROUND].
# No Kafka or Redis from outside is used: this suite kills both.
set -eu
cd "$(dirname "$0")/../.."
unset KAFKA REDIS
exec tests/broker/services.sh with kafka redis -- tests/crash/crash.py --binary build/faults/journeyd "$@"
