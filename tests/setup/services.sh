#!/bin/bash
# Fetches what is no Debian package, from Maven Central, once, into the cache outside version control.
#
#   services.sh kafka [registry]
#
# JD_CACHE names the cache (default: .cache in the checkout); several checkouts may share one.
# After it, $JD_CACHE/kafka/lib/*.jar and $JD_CACHE/registry/*-runner.jar are there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${JD_CACHE:-$root/.cache}
registry_version=2.6.13.Final

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9

maven() { # output only when it fails
    local log
    log=$(mktemp)
    if ! mvn -q -B "$@" >"$log" 2>&1; then
        echo "setup: Maven failed: mvn $*" >&2
        tail -20 "$log" >&2
        rm -f "$log"
        exit 69
    fi
    rm -f "$log"
}

kafka() {
    local wanted
    wanted=$(sed -n 's/.*<version>\(4[^<]*\)<.*/\1/p' "$here/pom.xml")
    [ -e "$cache/kafka/lib/kafka-clients-$wanted.jar" ] && [ -e "$cache/kafka/complete-$wanted" ] && return
    echo "setup: Apache Kafka $wanted from Maven Central: 45 jars, 44 MB, into $cache/kafka"
    rm -rf "$cache/kafka.new"
    mkdir -p "$cache/kafka.new"
    cp "$here/pom.xml" "$cache/kafka.new/"
    maven -f "$cache/kafka.new/pom.xml" dependency:copy-dependencies \
        -DoutputDirectory="$cache/kafka.new/lib" -DincludeScope=runtime
    touch "$cache/kafka.new/complete-$wanted"
    rm -rf "$cache/kafka"
    mv "$cache/kafka.new" "$cache/kafka"
}

registry() {
    [ -e "$cache/registry/complete-$registry_version" ] && return
    echo "setup: Apicurio Schema Registry $registry_version from Maven Central: 142 MB, into $cache/registry"
    rm -rf "$cache/registry.new"
    mkdir -p "$cache/registry.new"
    maven dependency:copy -Dartifact="io.apicurio:apicurio-registry-app:$registry_version:tar.gz:all" \
        -DoutputDirectory="$cache/registry.new" -Dmdep.useBaseVersion=true
    tar -xzf "$cache"/registry.new/*.tar.gz -C "$cache/registry.new"
    rm -f "$cache"/registry.new/*.tar.gz
    touch "$cache/registry.new/complete-$registry_version"
    rm -rf "$cache/registry"
    mv "$cache/registry.new" "$cache/registry"
}

for service in "$@"; do
    case $service in
    kafka | registry) "$service" ;;
    *) echo "usage: services.sh kafka [registry]" >&2; exit 64 ;;
    esac
done
