"""Compares what support_zone_spans printed (standard input) with Python's zoneinfo: the offset at
both ends of each stretch, and at moments STEP seconds apart in between. Prints what differs.

    python3 zone_compare.py STEP"""

import datetime
import sys
import zoneinfo

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def offset(zone, seconds):
    moment = (EPOCH + datetime.timedelta(seconds=seconds)).astimezone(zone)
    delta = moment.utcoffset()
    return delta.days * 86400 + delta.seconds


def main():
    step, differ, files, stretches = int(sys.argv[1]), 0, 0, 0
    zone = path = None
    for line in sys.stdin:
        words = line.split()
        if len(words) == 1:
            path = words[0]
            files += 1
            with open(path, "rb") as file:
                zone = zoneinfo.ZoneInfo.from_file(file, key=path)
            continue
        begins, ends, told = map(int, words)
        stretches += 1
        for moment in [*range(begins, ends, step), ends - 1]:
            if offset(zone, moment) != told:
                print(f"{path} at {moment}: {told} is told, {offset(zone, moment)} is right")
                differ += 1
                break
    print(f"{files} files, {stretches} stretches, {differ} differ")
    return 1 if differ else 0


sys.exit(main())
