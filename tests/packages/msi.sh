#!/bin/sh
# The Windows package under Wine, with a coordinator on this machine: install with a token, a job,
# upgrade, downgrade, repair, uninstall, and every installation that must fail and leave nothing.
# Wine and the folder it keeps everything in are the test's own.
set -u
CADRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
here=$(pwd)
CADRE_BIN=$CADRE_ROOT/build/dev/bin
CADRE_WINDOWS_BIN=$CADRE_ROOT/build/windows/bin
WINEPREFIX=$here/wine
export CADRE_ROOT CADRE_BIN CADRE_WINDOWS_BIN WINEPREFIX

# ---- what is needed ----
need() { # need WHAT COMMAND...: skips everything when it is not to be had
    need_what=$1
    shift
    "$@" >need.log 2>&1 8>&- && return 0
    echo "skip - the Windows package: $need_what ($(tail -n 1 need.log))"
    exit 0
}
deps() { sh "$CADRE_ROOT/installer/deps.sh" "$@"; }
need "the libraries for Windows cannot be built here" deps windows
need "Wine cannot be installed here" deps wine
need "wixl and msibuild cannot be installed here" deps msi
need "Wine does not start here" sh "$CADRE_ROOT/tests/windows/lib_prefix.sh"

must() { # must COMMAND...
    "$@" >build.log 2>&1 8>&- && return 0
    tail -n 30 build.log
    echo "not ok - $* failed"
    exit 1
}
configure() { (cd "$CADRE_ROOT" && cmake --preset "$@"); }
compile() { cmake --build "$CADRE_ROOT/build/$1" --target cadre-agent cadre "$2"; }
package() { sh "$CADRE_ROOT/installer/msi/build.sh" --no-build "$@"; }
must configure dev
must compile dev cadre-coordinator
# The later version first, so that what stays in the build folder is the tree's own.
CADRE_VERSION=9.9.9
export CADRE_VERSION
must configure windows
unset CADRE_VERSION
must compile windows cadre-msi
must package --out later
must configure windows
must compile windows cadre-msi
must package
version=$(sed -n 's/^#define CADRE_VERSION "\(.*\)"$/\1/p' \
    "$CADRE_ROOT/build/windows/generated/cadre_version.h")
now=$CADRE_ROOT/build/packages/cadre-agent-$version-x64.msi
next=$here/later/cadre-agent-9.9.9-x64.msi

. "$CADRE_ROOT/tests/windows/lib.sh"

# ---- what is in it ----
package --out again >again.out 2>&1
is "two runs give the same package" "$(sha256sum <"$now")" "$(sha256sum <"again/${now##*/}")"
openssl req -x509 -newkey rsa:2048 -nodes -keyout sign.key -out sign.pem -days 2 -subj /CN=test \
    -addext extendedKeyUsage=codeSigning >sign.out 2>&1
CADRE_SIGN_CERT=$here/sign.pem CADRE_SIGN_KEY=$here/sign.key package --out signed >sign.out 2>&1
is "it can be signed" 0 $?
osslsigncode verify -CAfile sign.pem -in "signed/${now##*/}" >verify.out 2>&1
is "and the signature holds" 0 $?
mkdir content
(cd content && msiextract "$here/signed/${now##*/}") >content.out
find content -name cadre-agent.exe -exec osslsigncode verify -CAfile sign.pem -in {} \; \
    >verify.out 2>&1
has "so does that of the programs" verify.out 'Signature verification: ok'

config=$program_data/agent.yaml
coordinator_up
wine_up
windows_group

# ---- tools ----
# msi LOG /i|/x PACKAGE [PROPERTY=VALUE...]: its exit code, of which Linux sees the low 8 bits
msi() {
    msi_log=$1 msi_do=$2 msi_file=$(windows_path "$3")
    shift 3
    win msiexec "$msi_do" "$msi_file" /qn "/l*v" "$(windows_path "$here/$msi_log")" "$@" \
        >msi.out 2>&1
}
# A long wait in msi_background is no fault: the job that it waits for is held by a file.
msi_background() {
    (
        cd "$here" || exit 1
        win_background=$2
        timeout 300 wine msiexec "$win_background" "$(windows_path "$3")" /qn "/l*v" \
            "$(windows_path "$here/$1")" </dev/null >/dev/null 2>&1
    ) &
    installer=$!
}
token() { cadre token create join --group windows 2>/dev/null; }
agent_id() {
    cadre agent list -o json | tr '{' '\n' |
        sed -n "s/.*\"id\": *\"\([0-9a-z]*\)\".*\"name\": *\"$1\".*/\1/p"
}
service_key() { # service_key VALUE: of its entry in the registry
    win reg query 'HKLM\System\CurrentControlSet\Services\cadre-agent' /v "$1" 2>/dev/null |
        sed -n "s/^ *$1  *REG_[A-Z]*  *//p" | tr '\\' /
}
automatic=0x2
by_hand=0x3
no_service() { ! win sc query cadre-agent >/dev/null 2>&1; }
registered() {
    win reg query 'HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall' /s 2>/dev/null >arp.txt
}
nothing_left() { # nothing_left NAME
    holds "$1 leaves no service" no_service
    holds "and no program" test ! -e "$program_files"
    holds "and no data" test ! -e "$program_data"
    registered
    holds "and no entry among the installed programs" sh -c '! grep -q "Cadre Agent" arp.txt'
}
# secret_in TEXT PATH...: files that have it, in UTF-8 or UTF-16
secret_in() {
    secret_tail=$(printf '%s' "$1" | tail -c 20)
    secret_wide=$(printf '%s' "$secret_tail" | sed 's/./&\\x00/g')
    shift
    grep -rlaF -e "$secret_tail" "$@"
    grep -rlaP -e "$secret_wide" "$@"
}
# held_job: a job that ends when the file "gate" is there
held_job() {
    rm -f gate
    printf '@echo off\r\n:wait\r\nif not exist "%s" goto wait\r\nexit 5\r\n' \
        "$(windows_path "$here/gate")" >held.cmd
    job=$(cadre run --detach --group windows --shell cmd --script held.cmd 2>/dev/null)
    until_true 60 job_is "$job" RUNNING || not_ok "a job does not start: $(cadre job why "$job")"
}

# ---- a first installation ----
first_token=$(token)
msi install.log /i "$now" "TOKEN=$first_token" GROUP=windows NAME=win-1 SLOTS=3 \
    LABELS=region=eu-west,zone=dmz
is "it installs" 0 $?
holds "the service runs" service_is RUNNING
is "and starts with the machine" $automatic "$(service_key Start)"
is "its path is quoted" '"C:/Program Files/Cadre/cadre-agent.exe" run' "$(service_key ImagePath)"
is "it has an account of its own" 'NT SERVICE/cadre-agent' "$(service_key ObjectName)"
holds "the agent is online" until_true 30 agent_is win-1 ONLINE
cadre agent show win-1 >show
has "with the properties' settings" show '^group +windows' '^slots +3'
cadre agent show win-1 -o json >show.json
has "and labels" show.json 'region.*eu-west' 'zone.*dmz'
cadre run --group windows --queue-timeout 60s -- cmd /c 'echo from the service& exit 7' >out 2>err
is "a job runs there" 7 $?
has "and its output comes back" out '^from the service'
win reg query 'HKLM\System\CurrentControlSet\Control\Session Manager\Environment' /v PATH >path.txt
has "cadre.exe is on the PATH" path.txt 'Program Files.Cadre'
registered
has "it is among the installed programs" arp.txt 'DisplayName.*Cadre Agent' \
    "DisplayVersion.*$version" \
    'Publisher.*Cadre' 'NoModify.*0x1' 'EstimatedSize' 'UninstallString'
is "the token is kept nowhere" "" "$(secret_in "$first_token" "$WINEPREFIX" install.log \
    2>/dev/null)"
has "the log tells what was done" install.log 'service cadre-agent is registered' \
    'joined 127.0.0.1.* as win-1'
id=$(agent_id win-1)

# ---- upgrade ----
printf '# by hand\r\nlogLevel: debug\r\n' >>"$config"
cp "$config" config.kept
# As "sc config cadre-agent start= demand obj= .\operator password= x binPath= ...", which Wine's sc
# does not know.
cat >configure.c <<'END'
#include <windows.h>
int main(void)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE service = OpenServiceW(manager, L"cadre-agent", SERVICE_CHANGE_CONFIG);
    return !ChangeServiceConfigW(service, SERVICE_NO_CHANGE, SERVICE_DEMAND_START,
                                 SERVICE_NO_CHANGE,
                                 L"C:\\Elsewhere\\cadre-agent.exe run --log-level debug",
                                 NULL, NULL, NULL,
                                 L".\\operator", L"x", NULL);
}
END
x86_64-w64-mingw32-gcc-posix -o configure.exe configure.c -ladvapi32
win ./configure.exe
is "an administrator changes start type, account and arguments" 0 $?
held_job
# Windows tells the package that it removes by UPGRADINGPRODUCTCODE that it is for an upgrade; Wine
# only passes on which features to remove, and so is told here to pass on more.
cp "$next" next.msi
msibuild next.msi \
    -q "UPDATE \`Upgrade\` SET \`Remove\` = 'ALL UPGRADINGPRODUCTCODE=1' \
WHERE \`ActionProperty\` = 'CADRE_OLDER'"
msi_background upgrade.log /i "$here/next.msi"
holds "an upgrade waits for the running job" until_true 60 service_is STOP_PENDING
holds "which goes on" job_is "$job" RUNNING
touch gate
wait "$installer"
is "and then succeeds" 0 $?
holds "the job ended by itself" job_is "$job" FAILED
is "with its own code" 5 "$(cadre job show "$job" -o json |
    sed -n 's/.*"exitCode": *\([0-9]*\).*/\1/p' | head -n 1)"
holds "the service runs again" until_true 30 service_is RUNNING
agent_has_version() { cadre agent show win-1 | grep -Eq "^version +$1"; }
holds "in the new version" until_true 30 agent_has_version 9.9.9
is "as the same agent" "$id" "$(agent_id win-1)"
holds "what was changed by hand in agent.yaml is there" cmp -s config.kept "$config"
is "and the start type" $by_hand "$(service_key Start)"
is "and the account" ./operator "$(service_key ObjectName)"
is "and the arguments, behind the path of the program" \
    '"C:/Program Files/Cadre/cadre-agent.exe" run --log-level debug' "$(service_key ImagePath)"
registered
is "one of them is installed" 1 "$(grep -c 'DisplayName.*Cadre Agent' arp.txt)"

# ---- downgrade ----
msi downgrade.log /i "$now"
holds "an older version is refused" test $? -ne 0
has "with a sentence" downgrade.log 'a newer version is installed here'
holds "and the agent runs on" agent_has_version 9.9.9

# ---- repair ----
win sc stop cadre-agent >/dev/null
until_true 30 service_is STOPPED
rm "$program_files/cadre.exe" "$program_files/cadre-agent.exe"
# What msiexec /fa does; Wine's does not know that option.
msi repair.log /i "$next" REINSTALL=ALL REINSTALLMODE=amus
is "a repair succeeds" 0 $?
holds "and brings back what was deleted" test -s "$program_files/cadre-agent.exe" \
    -a -s "$program_files/cadre.exe"
holds "a stopped service stays stopped" service_is STOPPED
win sc start cadre-agent >/dev/null
holds "and can be started" until_true 30 agent_is win-1 ONLINE

# ---- uninstall ----
held_job
msi_background uninstall.log /x "$next"
holds "an uninstallation waits for the running job" until_true 60 service_is STOP_PENDING
touch gate
wait "$installer"
is "and then succeeds" 0 $?
holds "the job ended by itself" job_is "$job" FAILED
holds "the service is gone" no_service
holds "so are the programs" test ! -e "$program_files"
holds "configuration and identity stay" test -s "$config" -a -s "$program_data/agent/identity.json"
win reg query 'HKLM\System\CurrentControlSet\Control\Session Manager\Environment' /v PATH >path.txt
holds "the PATH is as before" sh -c '! grep -q "Program Files.Cadre" path.txt'

# ---- again, over what stayed ----
msi again.log /i "$now" TOKEN=not-a-token GROUP=other SERVICEACCOUNT=LocalSystem
is "it installs over what stayed" 0 $?
holds "the agent is online again" until_true 30 agent_is win-1 ONLINE
is "as the same one" "$id" "$(agent_id win-1)"
holds "with the configuration that was there" cmp -s config.kept "$config"
has "the log says what was not used" again.log 'GROUP is not used' 'TOKEN is not used'
is "the service has the account that was asked for" LocalSystem "$(service_key ObjectName)"
msi remove.log /x "$now" REMOVEDATA=1
is "REMOVEDATA=1 uninstalls" 0 $?
nothing_left "and"

# ---- without properties ----
msi plain.log /i "$now"
is "it installs without properties" 0 $?
holds "the service is there and waits to be joined" service_is STOPPED
has "the log says how" plain.log 'cadre-agent join TOKEN'
holds "agent.yaml is there" test -s "$config"
win "$program_files/cadre-agent.exe" check-config >check.out 2>&1
is "and is valid" 0 $?
token | timeout 120 wine "$program_files/cadre-agent.exe" join - >join.out 2>&1
is "joining by hand works" 0 $?
win sc start cadre-agent >/dev/null
holds "and the service runs" until_true 30 service_is RUNNING
msi remove.log /x "$now" REMOVEDATA=1

# ---- not to be started ----
msi quiet.log /i "$now" "TOKEN=$(token)" NAME=quiet STARTSERVICE=0
is "it installs with STARTSERVICE=0" 0 $?
holds "the service does not run" service_is STOPPED
is "nor with the next start of the machine" $by_hand "$(service_key Start)"
holds "but has joined" test -s "$program_data/agent/identity.json"
msi remove.log /x "$now" REMOVEDATA=1
nothing_left "the uninstallation"

# ---- a folder of one's own ----
own=$drive_c/opt/Cadre
msi own.log /i "$now" STARTSERVICE=0 'INSTALLFOLDER=C:\opt\Cadre'
is "it installs with INSTALLFOLDER" 0 $?
holds "into that folder" test -s "$own/cadre-agent.exe" -a ! -e "$program_files"
msi own_next.log /i "$here/next.msi" STARTSERVICE=0
is "an upgrade that names no folder succeeds" 0 $?
holds "and keeps it" test -s "$own/cadre-agent.exe" -a ! -e "$program_files"
is "which the service knows" '"C:/opt/Cadre/cadre-agent.exe" run' "$(service_key ImagePath)"
msi own_repair.log /i "$here/next.msi" REINSTALL=ALL REINSTALLMODE=amus
holds "so does a repair" test -s "$own/cadre-agent.exe" -a ! -e "$program_files"
msi remove.log /x "$here/next.msi" REMOVEDATA=1
nothing_left "its uninstallation"
holds "and nothing in that folder" test ! -e "$own"
msi default.log /i "$now" STARTSERVICE=0
holds "a new installation does not know of it" test -s "$program_files/cadre-agent.exe"
msi moved.log /i "$here/next.msi" STARTSERVICE=0 'INSTALLFOLDER=C:\opt\Cadre'
holds "an upgrade goes where it is told to" test -s "$own/cadre-agent.exe" -a ! -e "$program_files"
msi remove.log /x "$here/next.msi" REMOVEDATA=1
nothing_left "its uninstallation"

# ---- what must fail ----
msi used.log /i "$now" "TOKEN=$first_token" NAME=win-2
holds "a token that is used up fails the installation" test $? -ne 0
has "with the coordinator's sentence" used.log 'cannot join with TOKEN' 'used'
is "and without the token" "" "$(secret_in "$first_token" "$WINEPREFIX" used.log 2>/dev/null)"
nothing_left "it"
msi garbage.log /i "$now" TOKEN=cadre-join-garbage
holds "so does text that is no token" test $? -ne 0
has "with a sentence" garbage.log 'cannot join with TOKEN'
nothing_left "it"
msi slots.log /i "$now" SLOTS=many
holds "so does a property that makes no sense" test $? -ne 0
has "which is named" slots.log "SLOTS: 'many'"
nothing_left "it"
msi account.log /i "$now" 'SERVICEACCOUNT=.\nobody' SERVICEPASSWORD=the-password-of-nobody
holds "so does an account that is not there" test $? -ne 0
has "which is named" account.log "there is no account '.*nobody'"
is "and its password is kept nowhere" "" "$(secret_in the-password-of-nobody "$WINEPREFIX" \
    account.log 2>/dev/null)"
nothing_left "it"
lost=$(token)
end "$coordinator"
msi away.log /i "$now" "TOKEN=$lost"
holds "so does a coordinator that is away" test $? -ne 0
has "which is named, too" away.log "127.0.0.1:$port"
nothing_left "it"
done_testing
