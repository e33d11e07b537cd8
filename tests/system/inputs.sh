#!/bin/sh
# Small files and pipes that hold what they should not: each program ends by itself and says which
# file is wrong. tests/unit/platform/inputs_linux.c tries more kinds, on the readers alone.
. "$(dirname "$0")/lib.sh"
coordinator_up
join_agent a
end "$coordinator"
HOME=$here/home
mkdir -p "$HOME/.config/cadre" kinds
export HOME
unset CADRE_TOKEN_FILE

mkdir kinds/folder
mkfifo kinds/pipe
ln -s nowhere kinds/dangling
: >kinds/empty
echo >kinds/newline
printf 'a\000b\n' >kinds/nul
head -c 11000000 /dev/zero | tr '\000' a >kinds/huge
ln -s /dev/zero kinds/endless

# told NAME FILE CODES COMMAND...: COMMAND ends with one of the codes and names FILE
told() {
    told_name=$1 told_file=$2 told_codes=$3
    shift 3
    timeout 120 "$@" >out 2>&1
    told_code=$?
    case " $told_codes " in
    *" $told_code "*) has "$told_name is refused" out "$told_file" ;;
    *) not_ok "$told_name is refused: code $told_code, $(head -c 300 out)" ;;
    esac
}

whatever="folder pipe dangling endless huge"
for kind in $whatever nul empty newline; do
    in=kinds/$kind
    told "a token file ($kind)" "$in" 1 cadre --token-file "$in" status
    told "CADRE_TOKEN_FILE ($kind)" "$in" 1 env CADRE_TOKEN_FILE="$in" cadre job list
    case $kind in
    folder | pipe | dangling) continue ;;
    esac
    told "login ($kind)" 'standard input' 1 sh -c "exec cadre login - <$in"
    told "join ($kind)" 'standard input' 1 \
        sh -c "exec cadre-agent join - --config n.yaml --state n <$in"
done
for kind in $whatever nul; do
    in=kinds/$kind
    told "a script ($kind)" "$in" 125 cadre run --script "$in"
    told "a flow ($kind)" "$in" "1 2" cadre flow apply "$in"
    told "agent.yaml ($kind)" "$in" 2 cadre-agent check-config --config "$in"
    told "coordinator.yaml ($kind)" "$in" 2 cadre-coordinator check-config --config "$in"
    rm -rf "$HOME/.config/cadre/config.yaml"
    ln -s "$here/$in" "$HOME/.config/cadre/config.yaml"
    case $kind in
    dangling) told "the login ($kind)" 'config.yaml is a link to' 1 cadre job list ;;
    *) told "the login ($kind)" 'config.yaml' 1 cadre job list ;;
    esac
    rm "$HOME/.config/cadre/config.yaml"
    [ "$kind" = nul ] || told "a job's input ($kind)" "$in" 125 cadre run --stdin "$in" -- cat
    case $kind in
    folder | pipe | dangling) continue ;;
    esac
    told "a script on standard input ($kind)" 'standard input' 125 \
        sh -c "exec cadre run --script - <$in"
done
for words in 'cadre-api-xyz' '- token'; do
    echo "$words" >"$HOME/.config/cadre/config.yaml"
    told "the login ('$words')" "config.yaml: 'url.*'token.*cadre login" 1 cadre job list
done
rm "$HOME/.config/cadre/config.yaml"
told "a token file with a login page in it" 'page.*not a token' 1 sh -c \
    'echo "<html>" >page; exec cadre --token-file page status'

# The files that the daemons made themselves.
replaced() { # FOLDER FILE KIND
    rm -rf "$1/$2"
    ln -s "$here/kinds/$3" "$1/$2"
}
for kind in folder pipe dangling empty huge; do
    for file in identity.json agent.key agent.pem ca.pem; do
        rm -rf spoilt && cp -r a spoilt && replaced spoilt "$file" "$kind"
        told "the agent's $file ($kind)" "spoilt|$file" "1 2" \
            cadre-agent run --config a.yaml --state spoilt
    done
    for file in ca.key ca.pem; do
        rm -rf spoilt && cp -r server spoilt && replaced spoilt "$file" "$kind"
        told "the coordinator's $file ($kind)" "spoilt|$file" "1 2" \
            cadre-coordinator run --config coordinator.yaml --state spoilt
    done
done
for file in ca.key ca.pem; do
    rm -rf spoilt && cp -r server spoilt && : >"spoilt/$file"
    told "the coordinator's damaged $file" "spoilt.*$file.*put ca.key and ca.pem back" 1 \
        cadre-coordinator run --config coordinator.yaml --state spoilt
done
for file in agent.key agent.pem ca.pem; do
    rm -rf spoilt && cp -r a spoilt && rm "spoilt/$file"
    told "the agent without $file" "spoilt.*$file.*cadre-agent join TOKEN --replace" 2 \
        cadre-agent run --config a.yaml --state spoilt
done

done_testing
