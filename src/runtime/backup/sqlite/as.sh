# $1: what to run then, with the arguments after it.
command -v sqlite3 >/dev/null || { echo "midwatch missing sqlite3" >&2; exit 127; }
# A copy is made beside the file, where there is room for one more of it as a rule, or where there is room at all.
place_for() {
  for place in "${1%/*}" "${TMPDIR:-/tmp}" /dev/shm; do
    copy=$(mktemp "$place/.midwatch-XXXXXX" 2>/dev/null) && return
  done
  echo "there is no place for a copy: neither beside $1 nor in ${TMPDIR:-/tmp}" >&2
  return 1
}
count_tables() {
  sqlite3 -readonly "$1" "select 'select ''midwatch count '' || count(*) || ' || quote(' ' || name) || ' from \"' || replace(name, '\"', '\"\"') || '\";' from sqlite_master where type = 'table' and name not like 'sqlite\_%' escape '\'" |
    sqlite3 -readonly "$1" >&2
}
body=$1
shift
[ -f "$1" ] || { echo "there is no file $1" >&2; exit 1; }
eval "$body"
