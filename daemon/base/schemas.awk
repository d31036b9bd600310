# schemas/*.avsc -> rows {"<record name>", "<schema text>"} for daemon/base/contract.c. The record's
# name is the file's name. Leading blanks go, so that the text fits a registry and a log line.
function escaped(line) {
    gsub(/\\/, "\\\\\\\\", line)
    gsub(/"/, "\\\"", line)
    return line
}
FNR == 1 {
    if (NR > 1)
        print "},"
    file = FILENAME
    sub(/.*\//, "", file)
    sub(/\.avsc$/, "", file)
    printf "{\"%s\",\n", file
}
{
    sub(/^[ \t]+/, "")
    printf "    \"%s\"\n", escaped($0)
}
END { if (NR > 0) print "}," }
