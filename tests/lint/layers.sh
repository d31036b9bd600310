#!/bin/bash
# layers.sh: arrows point down only. Each layer of daemon/ may include itself, the layers below it and
# include/journeyd; each third-party library is included by the files named here and no others.
set -u
cd "$(dirname "$0")/../.." || exit 70
status=0
below=""
for layer in base engine policy wire adapters shard cli; do
    allowed="journeyd $below $layer"
    while IFS= read -r hit; do
        [ -n "$hit" ] || continue
        file=${hit%%:*}; rest=${hit#*:}; line=${rest%%:*}
        inc=$(sed -E 's/.*"([^"]+)".*/\1/' <<<"$rest"); top=${inc%%/*}
        [ "$top" = "$inc" ] && continue # generated or local
        case " $allowed " in *" $top "*) ;; *) echo "$file:$line: $layer may not include \"$inc\"" >&2; status=1 ;; esac
    done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]+"' "daemon/$layer" --include='*.[ch]' 2>/dev/null)
    # wire, policy and adapters stand side by side.
    case $layer in base|engine) below="$below $layer" ;; adapters) below="base engine policy wire adapters" ;; shard) below="$below shard" ;; esac
done
only() { # library pattern, allowed files pattern
    local hits
    hits=$(grep -rlE "#[[:space:]]*include[[:space:]]+<$1" daemon include --include='*.[ch]' | grep -vE "$2")
    [ -z "$hits" ] || { sed "s|\$|: <$1> belongs in $2|" <<<"$hits" >&2; status=1; }
}
only 'librdkafka/' '^daemon/adapters/kafka'
only 'hiredis/' '^daemon/adapters/redis'
only 'curl/' '^daemon/adapters/registry'
only 'microhttpd' '^daemon/adapters/http'
only 'yaml\.h' '^daemon/policy/yaml'
only 'avro\.h' '^daemon/wire/schema'
exit $status
