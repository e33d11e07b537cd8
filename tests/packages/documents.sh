#!/bin/sh
# The documents: the blocks of README.md and docs/*.md are run, in order, on bare machines of their
# own, in the words of the document. A block is
#
#   sh        a script; it has to end with 0, and so has each of its commands
#   console   a transcript: commands after "$ ", and what they say (transcript.awk compares)
#   yaml ini json cmake text    no commands. With <!-- file: NAME --> it is written to that file
#
# and every other language is refused. A comment right before the block says where it belongs:
#
#   <!-- on NAME -->        the machine; without a comment that of the block before. It stays what
#                           the blocks before made of it
#   <!-- on a new NAME -->  a bare one
#   <!-- in the tree -->    the tree that is built, which has compilers; what is installed goes to
#                           the machines. "in the tree, for new machines": to bare ones
#   <!-- at the end, on NAME -->    when the rest of the document was run
#   <!-- not run: REASON -->
#
# A document with a line <!-- no block is run: REASON --> is marked as a whole.
#
# TOKEN stands for the last token of the right kind that was printed, ID for the last id. Blocks run
# in a home folder that has the tree's build/ and examples/.
. "$(dirname "$0")/lib-container.sh"

tools=$root/tests/packages
hosts="queue build-07"
machine=queue
run=0 marked=0
mkdir -p files
: >ids

address_of() {
    case $1 in
    queue) echo 10.77.0.1 ;;
    build-07) echo 10.77.0.2 ;;
    *) return 1 ;;
    esac
}

# new_machine NAME: a bare one, in place of the one that there was
new_machine() {
    [ ! -e "$here/machines/$1" ] || machine_forget "$1"
    machine_up "$1" "$(address_of "$1")" || not_ok "a machine boots: $1"
    in_machine "$1" ln -s /srv/cadre/build /srv/cadre/examples /root/
}

# ---- what stands for something else ----

remember() { # remember OUTPUT: tokens and ids that it printed
    for kind in join api; do
        grep -oE "cadre-$kind-[A-Za-z0-9_-]{40,}" "$1" | tail -n 1 >found
        [ ! -s found ] || cp found "token-$kind"
    done
    grep -oE '(^|[ "])[0-9a-z]{13}($|[ ",])' "$1" | tr -d ' ",' | grep '[0-9]' | tail -n 1 >found
    [ ! -s found ] || cp found ids
}

# in_words FILE: with what TOKEN and ID stand for
in_words() {
    sed -e "/cadre login/s/\bTOKEN\b/$(cat token-api 2>/dev/null)/" \
        -e "s/\(^\|[ =]\)TOKEN\b/\1$(cat token-join 2>/dev/null)/g" \
        -e "s/\(^\|[ =]\)ID\b/\1$(cat ids)/g" "$1"
}

# ---- running a block ----

in_tree() { # in_tree FILE: builds here, installs on every machine
    for name in $hosts; do
        [ -e "$here/machines/$name/pid" ] || continue
        (cd "$root" && DESTDIR=$here/machines/$name/root timeout 900 sh -ex "$1") || return
    done
}

on_machine() { # on_machine OPTIONS FILE
    cp "$2" "$here/machines/$machine/root/root/.block"
    timeout 120 nsenter -t "$(cat "$here/machines/$machine/pid")" -a env -i \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \
        LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        sh -c "cd && sh $1 .block" </dev/null
}

run_script() { # run_script WHERE TEXT
    in_words "$2" >script
    case $1 in
    tree) in_tree "$here/script" ;;
    *) on_machine -ex script ;;
    esac >output 2>&1
    script_code=$?
    remember output
    return $script_code
}

run_transcript() { # run_transcript TEXT: what differs is in "differs"
    {
        echo 'exec 2>&1'
        in_words "$1" | sed -n 's/^\$ //p' | while IFS= read -r command; do
            printf 'echo "@@ begin"; (exit ${code:-0})\n%s\ncode=$?; echo "@@ end $code"\n' \
                "$command"
        done
    } >script
    on_machine "" script >output
    remember output
    awk -f "$tools/transcript.awk" "$1" output >differs
    [ ! -s differs ]
}

# place DIRECTIVE: sets machine and where; false when it says nothing that we know
place() {
    where=machine
    case $1 in
    - | "file: "*) ;;
    "in the tree") where=tree ;;
    "in the tree, for new machines")
        where=tree
        for name in $hosts; do new_machine "$name"; done
        ;;
    "on a new "*)
        machine=${1#on a new }
        address_of "$machine" >/dev/null || return
        new_machine "$machine"
        ;;
    "on "*)
        machine=${1#on }
        address_of "$machine" >/dev/null || return
        [ -e "$here/machines/$machine" ] || new_machine "$machine"
        ;;
    *) return 1 ;;
    esac
}

# block DOCUMENT LINE LANGUAGE DIRECTIVE TEXT
block() {
    at=$1:$2
    case $4 in
    "not run: "?*)
        marked=$((marked + 1))
        return
        ;;
    esac
    place "$4" || {
        not_ok "$at: '$4' says nothing about a block"
        return
    }
    case $3 in
    sh)
        if run_script "$where" "$5"; then
            ok "$at runs"
        else
            not_ok "$at ends with $script_code: $(tail -c 600 output | tr '\n' '|')"
        fi
        run=$((run + 1))
        ;;
    console)
        if run_transcript "$5"; then
            ok "$at says what the document shows"
        else
            not_ok "$at: $(tr '\n' '|' <differs)"
        fi
        run=$((run + 1))
        ;;
    yaml | ini | json | cmake | text)
        case $4 in
        "file: "*) cp "$5" "$here/machines/$machine/root/root/${4#file: }" ;;
        esac
        ;;
    *) not_ok "$at: a block of the language '$3', which is neither run nor marked" ;;
    esac
}

document() { # document FILE NAME
    rm -rf blocks
    mkdir blocks
    awk -v DIR=blocks -f "$tools/blocks.awk" "$1" >blocks/list
    if grep -q '^<!-- no block is run: .* -->$' "$1"; then
        marked=$((marked + $(wc -l <blocks/list)))
        return
    fi
    grep -v ' at the end, ' blocks/list >blocks/order
    sed -n 's/ at the end, / /p' blocks/list >>blocks/order
    while read -r number line language directive <&3; do
        block "$2" "$line" "$language" "$directive" "blocks/$number.text"
    done 3<blocks/order
}

# ---- the test itself can fail ----

# noticed NAME PATTERN: of the block on stdin
noticed() {
    cat >planted.md
    before=$failures
    document planted.md planted.md >report
    if [ "$failures" -gt "$before" ] && grep -qE "$2" report; then
        ok "noticed: $1"
    else
        not_ok "not noticed: $1: $(cat report)"
        before=$((before + 1))
    fi
    failures=$before
}
planted() {
    printf '```sh\ntrue\nfalse\ntrue\n```\n' | noticed "a command that fails" 'ends with 1'
    printf '```sh\nnosuch --option\n```\n' | noticed "a program that is not there" 'ends with 127'
    printf '```console\n$ echo one\ntwo\n```\n' | noticed "another output" "shows 'two'"
    printf '```console\n$ echo one; echo two\none\n```\n' | noticed "more output" "not show"
    printf '```console\n$ true\none\n```\n' | noticed "less output" "nothing more"
    printf '```console\n$ exit 3\n$ true\n```\n' | noticed "a transcript that ends" 'not run'
    printf '```console\n$ (exit 3)\n```\n' | noticed "a code in a transcript" 'ended with 3'
    printf '```console\n$ (exit 3)\n$ echo $?\n4x\n```\n' | noticed "another code" "it said '3'"
    printf '```\necho hello\n```\n' | noticed "a block without a language" "language '-'"
    printf '```powershell\ndir\n```\n' | noticed "an unknown language" "language 'powershell'"
    printf '<!-- not run: -->\n```\ndir\n```\n' | noticed "a mark without a reason" "not run:"
    printf '<!-- on mars -->\n```sh\ntrue\n```\n' | noticed "an unknown machine" "on mars"
    printf '```sh\ntrue\n' | noticed "a block without an end" "unclosed"
}

# ---- the documents ----

machines_ready
machine_options="--bind-ro=$root:/srv/cadre"
new_machine queue
planted
run=0 marked=0
pages=$(sed -n 's/^| \[\(docs\/[a-z-]*\.md\)\](.*/\1/p' "$root/README.md")
is "README.md names every page of docs" \
    "$(cd "$root" && ls docs/*.md)" "$(echo "$pages" | sort)"
document "$root/README.md" README.md
for page in $pages; do
    document "$root/$page" "$page"
done
holds "blocks are run: $run, marked with a reason: $marked" test "$run" -ge 20
done_testing
