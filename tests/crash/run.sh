#!/bin/bash
# The crash tests on their own broker and Redis, with BUILD=faults: run.sh [outage] [--kills N] [--seed S] [ROUND…].
# No Kafka or Redis from outside is used: this suite kills both.
set -eu
cd "$(dirname "$0")/../.."
program=crash
if [ "${1:-}" = outage ]; then
    program=outage
    shift
fi
unset KAFKA REDIS
# Clocks are shifted by days: the broker must take records from beyond the hour that it allows by default.
export KAFKA_PROPERTIES="log.message.timestamp.after.max.ms=9223372036854775807"
exec tests/broker/services.sh with kafka redis -- tests/crash/$program.py --binary build/faults/journeyd "$@"
