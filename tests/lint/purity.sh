#!/bin/bash
# purity.sh ALLOW OBJECT…: fails if the objects need a symbol from outside that ALLOW does not list.
# The engine may call base (jd_*) and a few pure functions of libc: no I/O, clock, malloc, errno, libm.
set -u
allow=$1
shift
foreign=$(nm -u "$@" | awk '$1 == "U" { sub(/@.*/, "", $2); print $2 }' | sort -u |
    grep -vE '^(jd_|_GLOBAL_OFFSET_TABLE_$|__(asan|ubsan|tsan)_)' | grep -vxFf "$allow")
# Writable data would be state outside the fold; .data.rel.ro is constant once the loader is done with it.
globals=$(objdump -t "$@" | awk 'NF > 4 && $(NF - 2) ~ /^(\.data|\.bss|\*COM\*|\.tdata|\.tbss)/ &&
    $(NF - 2) !~ /^\.data\.rel\.ro/ && $NF !~ /^\./ { print $NF }' | sort -u)
[ -z "$foreign$globals" ] && exit 0
[ -z "$foreign" ] || { echo "purity: the engine may not call:" >&2; sed 's/^/  /' <<<"$foreign" >&2; }
[ -z "$globals" ] || { echo "purity: the engine may not have writable globals:" >&2; sed 's/^/  /' <<<"$globals" >&2; }
exit 1
