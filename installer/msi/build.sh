#!/bin/sh
# Makes the Windows package: build/packages/cadre-agent-VERSION-x64.msi
#
#   sh installer/msi/build.sh [--no-build] [--out FOLDER]
#
# Builds agent and command line with the "windows" preset (--no-build takes what is in
# build/windows/bin), strips them, and packs them with wixl; what wixl has no words for is written
# into the package's tables afterwards. Two runs on the same programs give the same package:
# component and upgrade codes are fixed, the product code follows from the version and the package
# code from the content.
#
#   CADRE_SIGN_CERT=FILE      signs programs and package (osslsigncode) with this PKCS#12 file, or
#                             PEM certificate chain with CADRE_SIGN_KEY=FILE
#   CADRE_SIGN_PASSWORD_FILE  the file with its password
#   CADRE_SIGN_TIMESTAMP=URL  an RFC 3161 time stamp service; without it signatures end with the
#                             certificate
#   SOURCE_DATE_EPOCH         the package's date (default: the last commit's)
set -eu
LC_ALL=C
export LC_ALL

root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/installer/msi
build=$root/build/windows
out=$root/build/packages
upgrade_code=5E0B9B9C-6C0C-4A3B-9D8F-3C6E1B7A2F10

die() {
    printf 'msi: %s\n' "$*" >&2
    exit 1
}

for tool in wixl msibuild msiinfo x86_64-w64-mingw32-strip; do
    command -v "$tool" >/dev/null 2>&1 ||
        die "$tool is missing; run: sh installer/deps.sh windows msi"
done
compile=yes
while [ $# -gt 0 ]; do
    case $1 in
    --no-build) compile= ;;
    --out) out=$2 && shift ;;
    *) die "usage: sh installer/msi/build.sh [--no-build] [--out FOLDER]" ;;
    esac
    shift
done
if [ -n "$compile" ]; then
    cd "$root"
    sh installer/moved.sh build/windows
    cmake --preset windows >/dev/null
    cmake --build --preset windows --target cadre-agent cadre cadre-msi
fi
mkdir -p "$out"
out=$(cd "$out" && pwd)

version=$(sed -n 's/^#define CADRE_VERSION "\(.*\)"$/\1/p' "$build/generated/cadre_version.h")
case $version in
*[!0-9.]* | '') die "'$version' is no version that an MSI can have" ;;
esac
epoch=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH="$epoch" # strip writes it into the programs

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
trap 'exit 1' HUP INT TERM
cd "$stage"

# uuid TEXT: always the same for the same text
uuid() {
    printf '%s' "$1" | sha256sum | tr a-f A-F |
        sed 's/^\(.\{8\}\)\(.\{4\}\).\(.\{3\}\).\(.\{3\}\)\(.\{12\}\).*/\1-\2-5\3-A\4-\5/'
}

# sign FILE: where a certificate is given
sign() {
    [ -n "${CADRE_SIGN_CERT:-}" ] || return 0
    command -v osslsigncode >/dev/null 2>&1 ||
        die "osslsigncode is missing; run: sh installer/deps.sh msi"
    file=$1
    if [ -n "${CADRE_SIGN_KEY:-}" ]; then
        set -- -certs "$CADRE_SIGN_CERT" -key "$CADRE_SIGN_KEY"
    else
        set -- -pkcs12 "$CADRE_SIGN_CERT"
    fi
    [ -z "${CADRE_SIGN_PASSWORD_FILE:-}" ] || set -- "$@" -readpass "$CADRE_SIGN_PASSWORD_FILE"
    [ -z "${CADRE_SIGN_TIMESTAMP:-}" ] || set -- "$@" -ts "$CADRE_SIGN_TIMESTAMP"
    osslsigncode sign "$@" -h sha256 -n "Cadre Agent" -in "$file" -out "$file.signed" \
        >sign.log 2>&1 ||
        die "cannot sign $(basename "$file"): $(cat sign.log)"
    mv "$file.signed" "$file"
}

for file in cadre-agent.exe cadre.exe cadre-msi.dll; do
    [ -f "$build/bin/$file" ] || die "$build/bin/$file is not built"
    x86_64-w64-mingw32-strip -o "$file" "$build/bin/$file"
    sign "$file"
done
cp "$root/LICENSE" LICENSE
cp "$here/cadre.ico" cadre.ico
touch -d "@$epoch" ./*

product_code=$(uuid "cadre-agent product $version")
wixl -a x64 -D Version="$version" -D ProductCode="$product_code" -D UpgradeCode=$upgrade_code \
    -o cadre.msi "$here/cadre-agent.wxs"

# The types of custom actions: 1 a DLL of the package; 1024 deferred, with 256 for rollback and 512
# for commit; 2048 as SYSTEM; 64 failure is ignored; 8192 the data are not logged.
msibuild cadre.msi \
    -q "UPDATE \`CustomAction\` SET \`Type\` = 1 WHERE \`Action\` = 'CadreSurvey'" \
    -q "UPDATE \`CustomAction\` SET \`Type\` = 65 WHERE \`Action\` = 'CadreForget'" \
    -q "UPDATE \`CustomAction\` SET \`Type\` = 3073 WHERE \`Action\` = 'CadreStop'" \
    -q "UPDATE \`CustomAction\` SET \`Type\` = 3393 WHERE \`Action\` = 'CadreResume'" \
    -q "UPDATE \`CustomAction\` SET \`Type\` = 11265 WHERE \`Action\` = 'CadreSetup'" \
    -q "UPDATE \`CustomAction\` SET \`Type\` = 3393 WHERE \`Action\` = 'CadreUndo'" \
    -q "UPDATE \`CustomAction\` SET \`Type\` = 3073 WHERE \`Action\` = 'CadreStart'" \
    -q "UPDATE \`CustomAction\` SET \`Type\` = 3649 WHERE \`Action\` = 'CadreRemove'"

# Properties that reach the installer's service, and those that its log hides.
secure="TOKEN;GROUP;COORDINATOR;NAME;SLOTS;LABELS"
secure="$secure;SERVICEACCOUNT;SERVICEPASSWORD;STARTSERVICE;REMOVEDATA"
msibuild cadre.msi \
    -q "UPDATE \`Property\` SET \`Value\` = 'CADRE_OLDER;CADRE_NEWER;$secure' \
WHERE \`Property\` = 'SecureCustomProperties'" \
    -q "INSERT INTO \`Property\` (\`Property\`, \`Value\`) \
VALUES ('MsiHiddenProperties', 'TOKEN;SERVICEPASSWORD;CadreSetup')"

# A file with a version is replaced by the same or a later one, and is never taken for a user's.
for key in AgentExe CliExe; do
    msibuild cadre.msi \
        -q "UPDATE \`File\` SET \`Version\` = '$version.0', \`Language\` = '1033' \
WHERE \`File\` = '$key'" \
        -q "DELETE FROM \`MsiFileHash\` WHERE \`File_\` = '$key'"
done

# cadre.exe on everybody's PATH.
{
    printf 'Environment\tName\tValue\tComponent_\r\n'
    printf 's72\tl255\tL255\ts72\r\nEnvironment\tEnvironment\r\n'
    printf 'Path\t=-*PATH\t[~];[INSTALLFOLDER]\tCli\r\n'
} >Environment.idt
msibuild cadre.msi -i Environment.idt
msibuild cadre.msi \
    -q "INSERT INTO \`InstallExecuteSequence\` (\`Action\`, \`Sequence\`) \
VALUES ('RemoveEnvironmentStrings', 3300)" \
    -q "INSERT INTO \`InstallExecuteSequence\` (\`Action\`, \`Sequence\`) \
VALUES ('WriteEnvironmentStrings', 5200)"

# The folder of the programs is noted in the registry, and an upgrade that is told no other keeps
# it. Type 51 sets a property, type 18 of a locator reads a value of the 64-bit registry.
msibuild cadre.msi \
    -q "UPDATE \`RegLocator\` SET \`Type\` = 18 WHERE \`Signature_\` = 'CadreFound'" \
    -q "INSERT INTO \`CustomAction\` (\`Action\`, \`Type\`, \`Source\`, \`Target\`) \
VALUES ('CadreFolder', 51, 'INSTALLFOLDER', '[CADRE_FOLDER]')" \
    -q "INSERT INTO \`InstallExecuteSequence\` (\`Action\`, \`Condition\`, \`Sequence\`) \
VALUES ('CadreFolder', 'CADRE_FOLDER AND NOT INSTALLFOLDER', 60)"

package_code=$(uuid "cadre-agent package $epoch $(cat ./*.exe ./*.dll LICENSE cadre.ico \
    "$here/cadre-agent.wxs" "$here/build.sh" | sha256sum)")
msibuild cadre.msi -s "Cadre Agent $version" Cadre "x64;1033" "{$package_code}"
# When it was made and saved last: properties 12 and 13.
msiinfo export cadre.msi _SummaryInformation | tr -d '\r' |
    awk -v date="$(date -u -d "@$epoch" '+%Y/%m/%d %H:%M:%S')" \
        'BEGIN { FS = OFS = "\t"; ORS = "\r\n" } $1 == 12 || $1 == 13 { $2 = date } { print }' \
            >_SummaryInformation.idt
msibuild cadre.msi -i _SummaryInformation.idt

sign cadre.msi
mv cadre.msi "$out/cadre-agent-$version-x64.msi"
echo "$out/cadre-agent-$version-x64.msi"
