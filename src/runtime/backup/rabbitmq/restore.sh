# $1: bytes of the dump. $2: `go`, or it is only looked at and counted.
trap '' PIPE
definitions=$(head -c "$1")
[ "$(printf '%s' "$definitions" | wc -c)" -eq "$1" ] && is_whole && count_definitions || { echo "the dump is cut off" >&2; exit 1; }
# Of a later patch of the same release the definitions are alike.
dumped=$(printf '%s' "$definitions" | sed 's/.*"rabbit_version":"\([^"]*\)".*/\1/')
printf '%s\n%s\n' "$version" "$dumped" | awk -F. 'NR == 1 { major = $1; minor = $2 } END { exit $1 + 0 > major + 0 || ($1 + 0 == major + 0 && $2 + 0 > minor + 0) }' ||
  { echo "the server ($version) is older than the dump ($dumped)" >&2; exit 1; }
[ "${2-}" = go ] || exit 0
said=$(printf '%s' "$definitions" | ctl import_definitions 2>&1) || { printf '%s\n' "$said" | blackened >&2; exit 1; }
