#!/bin/sh
# Prints the manual page of one of our programs. Commands and options are what the program prints
# with 'help --man', so that they cannot go stale; the prose around them is in man/NAME.roff, which
# has one line "@GENERATED@" where they belong and may have "@SAMPLE@" for the sample configuration.
#
#   sh man.sh PROGRAM SECTION VERSION [SAMPLE]
#
# Its date is SOURCE_DATE_EPOCH, else that of the last commit.
set -eu
LC_ALL=C
export LC_ALL

program=$1 section=$2 version=$3 sample=${4:-/dev/null}
here=$(cd "$(dirname "$0")" && pwd)
epoch=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct 2>/dev/null ||
    stat -c %Y "$here/man.sh")}
name=$(basename "$program")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$program" help --man >"$scratch/generated"

{
    echo ".nf"
    sed 's/\\/\\e/g; s/-/\\-/g; s/^\([.'"'"']\)/\\\&\1/' "$sample"
    echo ".fi"
} >"$scratch/sample"
printf '.TH %s %s %s "Cadre %s" "Cadre"\n' "$(echo "$name" | tr a-z A-Z |
    sed 's/-/\\-/g')" "$section" \
    "$(date -u -d "@$epoch" +%Y-%m-%d)" "$version"
sed -e "/^@GENERATED@\$/{
r $scratch/generated
d
}" -e "/^@SAMPLE@\$/{
r $scratch/sample
d
}" "$here/man/$name.roff"
