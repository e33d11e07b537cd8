#!/bin/sh
# Prints the bash completion of one of our programs, which makes it from its own table of commands.
#
#   sh completion.sh PROGRAM
set -eu
"$1" help --completion
