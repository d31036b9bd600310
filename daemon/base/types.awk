# schemas/types.csv -> rows of the table of event types in daemon/base/contract.c, sorted by name.
# A class or value that the program does not know is an unknown name to the compiler.
BEGIN { FS = "," }
function name(prefix, text) { return text == "" ? prefix "NONE" : prefix toupper(text) }
function fail(why) { print FILENAME ":" FNR ": " why > "/dev/stderr"; failed = 1; exit 1 }
FNR == 1 {
    if ($0 != "type,class,phase,fact,fact_state,channel,doc")
        fail("unexpected header")
    next
}
NF < 7 { fail("seven columns are needed") }
$1 !~ /^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$/ { fail("bad type name") }
($1 in seen) { fail("listed twice: " $1) }
{
    seen[$1] = 1
    names[++count] = $1
    class = $2 == "ignore" ? "JD_CLASS_NONE" : name("JD_CLASS_", $2)
    row[$1] = sprintf("{{\"%s\", %d}, %s, %s, %s, %s, %s},", $1, length($1), class,
                      name("JD_PHASE_", $3), name("JD_FACT_", $4), name("JD_FACT_STATE_", $5), name("JD_CHANNEL_", $6))
}
END {
    if (failed)
        exit 1
    for (i = 2; i <= count; i++) { # insertion sort, as bytes; the rows are few
        moved = names[i]
        for (j = i - 1; j >= 1 && names[j] > moved; j--)
            names[j + 1] = names[j]
        names[j + 1] = moved
    }
    for (i = 1; i <= count; i++)
        print row[names[i]]
}
