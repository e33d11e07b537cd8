#!/bin/sh
# Forty zones of this machine, from 1970 to 2099: both ends of each stretch with one offset, and a
# moment a month in between, against Python's zoneinfo. All zones, a moment a day: long/zones.sh.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../support/zone_compare.sh"
need_zones "zones against Python's"
# Rules beyond the table, none, negative ones (Dublin), half an hour (Lord Howe), a day left out
# (Apia), Ramadan (Casablanca), before midnight (Nuuk), hours beyond 24 (Gaza, Jerusalem).
files=
for zone in Africa/Abidjan Africa/Cairo Africa/Casablanca Africa/Johannesburg Africa/Monrovia \
    America/Adak America/Argentina/San_Luis America/Bogota America/Caracas America/Havana \
    America/Indiana/Knox America/Lima America/Los_Angeles America/Mexico_City America/New_York \
    America/Nuuk America/Santiago America/Sao_Paulo America/St_Johns Antarctica/Troll \
    Asia/Amman Asia/Gaza Asia/Jerusalem Asia/Kathmandu Asia/Kolkata Asia/Pyongyang Asia/Riyadh \
    Asia/Tehran Asia/Tokyo Atlantic/Azores Australia/Lord_Howe Australia/Sydney Etc/GMT+12 \
    Europe/Berlin Europe/Dublin Europe/Istanbul Europe/Moscow Pacific/Apia Pacific/Chatham \
    Pacific/Kiritimati; do
    [ ! -f "$zoneinfo/$zone" ] || files="$files $zoneinfo/$zone"
done
# shellcheck disable=SC2086
compare_zones "zones of $zoneinfo" 2592000 $files

# The comparison sees what is wrong.
sed 's/ 3600$/ 3601/' spans >wrong
holds "an offset that is a second wrong is found" \
    sh -c "! python3 '$CADRE_ROOT/tests/support/zone_compare.py' 2592000 <wrong >out"
done_testing
