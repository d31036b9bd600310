#!/bin/bash
# Kafka, Redis and a schema registry for the tests and the demo, on free ports of 127.0.0.1.
#
#   services.sh with SERVICE… -- COMMAND…   start, run COMMAND, stop; ends as COMMAND did
#   services.sh start SERVICE…              (re)start in $JD_RUN and print `export` lines: eval them
#   services.sh kill SERVICE…               kill -9
#   services.sh stop SERVICE…               SIGTERM, wait
#   services.sh wipe SERVICE…               remove the data of a stopped service
#
# SERVICE is kafka, redis or registry. COMMAND sees
#
#   KAFKA=host:port  REDIS=redis://host:port  REDIS_SOCKET=/path  REGISTRY=http://host:port/path
#
# and further doors to our own broker: KAFKA_SASL (PLAIN and SCRAM-SHA-256, user "journeyd", password "only-for-tests"),
# KAFKA_SSL with KAFKA_CA (a PEM file; where openssl is installed), and KAFKA_BEHIND, which tells its
# clients to come to 127.0.0.1:$KAFKA_DOOR, where a test puts a proxy in front of it.
#
# A service whose variable is already set is used as it is: never started, killed or stopped.
# JD_RUN is the directory of one run (ports, process ids, data, logs); `with` makes build/run.XXXXXX
# and removes it when COMMAND succeeded. A service that was killed or stopped and is started again
# keeps its port and its data. KAFKA_PROPERTIES (name=value lines) adds to the broker's properties.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${JD_CACHE:-$root/.cache}

die() { echo "services: $*" >&2; exit 69; }

# A free port below the range that outgoing connections take theirs from: otherwise a client's own
# connection can occupy the port of a service that is down for a moment.
free_port() {
    /usr/bin/python3 - <<'P'
import random, socket
while True:
    port = random.randrange(15000, 32000)
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            continue
    print(port)
    break
P
}

port_of() { # NAME: the port of this run, chosen once
    [ -s "$JD_RUN/$1.port" ] || free_port >"$JD_RUN/$1.port"
    cat "$JD_RUN/$1.port"
}

alive() { [ -s "$JD_RUN/$1.pid" ] && kill -0 "$(cat "$JD_RUN/$1.pid")" 2>/dev/null; }
ours() { [ -e "$JD_RUN/$1.port" ]; }

launch() { # NAME COMMAND…: in the background, in a session of its own, logged
    local name=$1
    shift
    setsid "$@" >>"$JD_RUN/$name.log" 2>&1 </dev/null &
    echo $! >"$JD_RUN/$name.pid"
    disown
}

wait_for() { # NAME SECONDS PROBE…
    local name=$1 deadline=$((SECONDS + $2))
    shift 2
    until "$@" >/dev/null 2>&1; do
        alive "$name" || { tail -20 "$JD_RUN/$name.log" >&2; die "$name died while starting"; }
        [ $SECONDS -lt $deadline ] || { tail -20 "$JD_RUN/$name.log" >&2; die "$name did not get ready"; }
        sleep 0.1
    done
}

make_certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
        -keyout "$JD_RUN/key.pem" -out "$JD_RUN/ca.pem" 2>/dev/null
    cat "$JD_RUN/key.pem" "$JD_RUN/ca.pem" >"$JD_RUN/keystore.pem"
}

start_kafka() {
    local port controller sasl ssl behind door dir="$JD_RUN/kafka" tls='' tls_port=''
    [ -d "$cache/kafka/lib" ] || die "Kafka is not in $cache: run tests/setup/services.sh kafka"
    port=$(port_of kafka) controller=$(port_of kafka-controller)
    sasl=$(port_of kafka-sasl) behind=$(port_of kafka-behind) door=$(port_of kafka-door)
    mkdir -p "$dir"
    if command -v openssl >/dev/null; then
        ssl=$(port_of kafka-ssl) tls=",SSL://127.0.0.1:$ssl"
        [ -s "$JD_RUN/ca.pem" ] || make_certificate
        tls_port="listener.name.ssl.ssl.keystore.type=PEM
listener.name.ssl.ssl.keystore.location=$JD_RUN/keystore.pem"
    fi
    cat >"$JD_RUN/kafka.properties" <<P
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:$controller
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$port,SASL_PLAINTEXT://127.0.0.1:$sasl,BEHIND://127.0.0.1:$behind,CONTROLLER://127.0.0.1:$controller$tls
advertised.listeners=PLAINTEXT://127.0.0.1:$port,SASL_PLAINTEXT://127.0.0.1:$sasl,BEHIND://127.0.0.1:$door$tls
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,BEHIND:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL
listener.name.sasl_plaintext.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_journeyd="only-for-tests";
listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
$tls_port
inter.broker.listener.name=PLAINTEXT
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
log.retention.hours=-1
log.dirs=$dir
${KAFKA_PROPERTIES:-}
P
    local java=(java -Xms128m -Xmx"${KAFKA_HEAP:-768m}" -cp "$cache/kafka/lib/*")
    if [ ! -e "$dir/meta.properties" ]; then
        local id
        id=$(/usr/bin/python3 -c "import base64, uuid
print(base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip('=').replace('-', 'A'))") # a leading dash would be an option
        "${java[@]}" kafka.tools.StorageTool format -t "$id" -c "$JD_RUN/kafka.properties" --standalone \
            --add-scram 'SCRAM-SHA-256=[name=journeyd,password=only-for-tests]' \
            >"$JD_RUN/kafka.log" 2>&1 || { cat "$JD_RUN/kafka.log" >&2; die "cannot format Kafka's storage"; }
    fi
    launch kafka "${java[@]}" kafka.Kafka "$JD_RUN/kafka.properties"
    wait_for kafka 60 env KAFKA="127.0.0.1:$port" "$here/topics.py" ready 1
}

start_redis() {
    local port dir="$JD_RUN/redis"
    port=$(port_of redis)
    mkdir -p "$dir"
    launch redis redis-server --port "$port" --bind 127.0.0.1 --unixsocket "$dir/redis.sock" --dir "$dir" \
        --save '' --appendonly no --maxmemory-policy noeviction
    wait_for redis 10 sh -c "redis-cli -p $port ping | grep -q PONG"
}

start_registry() {
    local port jar
    jar=$(echo "$cache"/registry/*-runner.jar)
    [ -e "$jar" ] || die "the registry is not in $cache: run tests/setup/services.sh registry"
    port=$(port_of registry)
    launch registry java -Xmx384m -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$port" -jar "$jar"
    wait_for registry 60 /usr/bin/python3 -c \
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:$port/apis/ccompat/v7/subjects', timeout=2)"
}

exports() { # SERVICE
    case $1 in
    kafka) echo "export KAFKA=127.0.0.1:$(port_of kafka) KAFKA_SASL=127.0.0.1:$(port_of kafka-sasl)"
        echo "export KAFKA_BEHIND=127.0.0.1:$(port_of kafka-behind) KAFKA_DOOR=$(port_of kafka-door)"
        [ ! -s "$JD_RUN/ca.pem" ] || echo "export KAFKA_SSL=127.0.0.1:$(port_of kafka-ssl) KAFKA_CA=$JD_RUN/ca.pem" ;;
    redis) echo "export REDIS=redis://127.0.0.1:$(port_of redis)"
        echo "export REDIS_SOCKET=$JD_RUN/redis/redis.sock" ;;
    registry) echo "export REGISTRY=http://127.0.0.1:$(port_of registry)/apis/ccompat/v7" ;;
    esac
}

given() { # SERVICE: a running one was named from outside
    ours "$1" && return 1
    case $1 in
    kafka) [ -n "${KAFKA:-}" ] ;;
    redis) [ -n "${REDIS:-}" ] ;;
    registry) [ -n "${REGISTRY:-}" ] ;;
    *) echo "services: no service $1" >&2; exit 64 ;;
    esac
}

start() {
    local service
    for service in "$@"; do
        given "$service" && continue
        alive "$service" || "start_$service" || return
        exports "$service"
    done
}

end() { # SIGNAL SERVICE…
    local signal=$1 service pid
    shift
    for service in "$@"; do
        alive "$service" || continue
        pid=$(cat "$JD_RUN/$service.pid")
        kill -"$signal" "$pid" 2>/dev/null || true
        local deadline=$((SECONDS + 15))
        while kill -0 "$pid" 2>/dev/null; do
            [ $SECONDS -lt $deadline ] || kill -9 "$pid" 2>/dev/null || true
            sleep 0.05
        done
        rm -f "$JD_RUN/$service.pid"
    done
}

with() {
    local services=() status=0
    while [ $# -gt 0 ] && [ "$1" != -- ]; do services+=("$1"); shift; done
    [ "${1:-}" = -- ] || { echo "services: with SERVICE… -- COMMAND…" >&2; exit 64; }
    shift
    mkdir -p "$root/build"
    JD_RUN=$(mktemp -d "$root/build/run.XXXXXX")
    export JD_RUN
    trap 'end KILL kafka redis registry' EXIT
    trap 'exit 143' TERM INT HUP
    start "${services[@]}" >"$JD_RUN/exports"
    # shellcheck disable=SC1091
    . "$JD_RUN/exports"
    "$@" &
    local child=$!
    trap 'kill -TERM $child 2>/dev/null; wait $child; exit 143' TERM INT HUP
    wait $child || status=$?
    end KILL "${services[@]}"
    trap - EXIT
    if [ $status = 0 ] && [ -z "${KEEP_RUN:-}" ]; then rm -rf "$JD_RUN"; else echo "services: logs in $JD_RUN" >&2; fi
    return $status
}

command=${1:-}
[ $# -gt 0 ] && shift
case $command in
with) with "$@" ;;
start | kill | stop | wipe)
    : "${JD_RUN:?is the directory of the run}"
    mkdir -p "$JD_RUN"
    case $command in
    start) start "$@" ;;
    kill) end KILL "$@" ;;
    stop) end TERM "$@" ;;
    wipe) for service in "$@"; do alive "$service" || rm -rf "${JD_RUN:?}/$service"; done ;;
    esac ;;
*) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2; exit 64 ;;
esac
