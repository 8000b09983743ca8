# $1: what to run then, with the arguments after it, of which the first is the file.
command -v sqlite3 >/dev/null || { echo "midwatch missing sqlite3" >&2; exit 127; }
must_exist() { [ -f "$1" ] || { echo "there is no file $1" >&2; exit 1; }; }
places() { printf '%s\n' "$(dirname "$1")" "${TMPDIR:-/tmp}"; }
# $1: the file. $2: what for. A copy is made beside the file, where there is room for one more of it as a rule, or where there is room at all.
# It has a name in the working directory, which needs no quoting.
make_copy() {
  tidy "$1" "$2" -mmin +1440
  own=$(places "$1" | while read -r place; do cd "$place" 2>/dev/null && mktemp "$PWD/.midwatch-$2-XXXXXX" 2>/dev/null && break; done)
  [ -n "$own" ] || { echo "there is no place for a copy: neither beside $1 nor in ${TMPDIR:-/tmp}" >&2; exit 1; }
  cd "${own%/*}" || exit
  copy=${own##*/}
  trap 'rm -f "$copy" "$copy-journal" "$copy-wal" "$copy-shm"' EXIT
  trap 'exit 1' HUP INT TERM
}
# Copies that were left by one that was killed. $1: the file. $2: what they were for. $3: which of them, as `find` knows it.
tidy() {
  file=$1 left=".midwatch-$2-*"
  shift 2
  places "$file" | while read -r place; do [ ! -d "$place" ] || find "$place" -maxdepth 1 -name "$left" "$@" -exec rm -f {} +; done
}
must_be_sound() {
  state=$(sqlite3 -readonly "$copy" 'pragma integrity_check') || exit
  [ "$state" = ok ] || { echo "$1 is damaged: $(echo "$state" | tail -n 3)" >&2; exit 1; }
}
# Whoever writes meanwhile is waited for. What a virtual table holds is in tables of its own, as a rule, and what it is made by may not be at
# hand.
count_tables() {
  asked=$(sqlite3 -bail -readonly -cmd '.timeout 20000' "$1" "select 'select ''midwatch count '' || count(*) || ' || quote(' ' || name) || ' from \"' || replace(name, '\"', '\"\"') || '\";' from sqlite_master where type = 'table' and name not like 'sqlite\_%' escape '\' and sql not like 'create virtual %'") || exit
  echo "$asked" | sqlite3 -bail -readonly -cmd '.timeout 20000' "$1" >&2
}
body=$1
shift
# What takes its place is to take the place of the file, not of a link to it.
if [ -L "$1" ]; then
  file=$(readlink -f "$1")
  shift
  set -- "$file" "$@"
fi
eval "$body"
