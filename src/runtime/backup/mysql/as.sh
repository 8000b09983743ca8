# Whose tools there are, and as whom the server lets itself be asked: by the password that its image was given, or as its own root over the
# socket. $1: what to run then, with the arguments after it.
tool() {
  command -v "mariadb$1" || command -v "mysql$2" || { echo "midwatch missing mysql$2" >&2; exit 127; }
}
MIDWATCH_CLIENT=$(tool '' '') && MIDWATCH_DUMP=$(tool -dump dump) || exit
MIDWATCH_USER=${MARIADB_ROOT_USER:-${MYSQL_ROOT_USER:-root}}
for password in "${MARIADB_ROOT_PASSWORD-}" "${MYSQL_ROOT_PASSWORD-}" "$(cat "${MARIADB_ROOT_PASSWORD_FILE:-/dev/null}")" "$(cat "${MYSQL_ROOT_PASSWORD_FILE:-/dev/null}")"; do
  [ -n "${MYSQL_PWD-}" ] || MYSQL_PWD=$password
done
export MIDWATCH_CLIENT MIDWATCH_DUMP MIDWATCH_USER MYSQL_PWD
body=$1
shift
# Whoever is root there needs no password as a rule, whatever its image was given once.
said=$("$MIDWATCH_CLIENT" -u "$MIDWATCH_USER" -N -B -e 'select 1' 2>&1) || { unset MYSQL_PWD; "$MIDWATCH_CLIENT" -u "$MIDWATCH_USER" -N -B -e 'select 1' >/dev/null 2>&1; } || {
  echo "$said" >&2
  exit 1
}
sql() { "$MIDWATCH_CLIENT" -u "$MIDWATCH_USER" --default-character-set=utf8mb4 -N -B "$@"; }
# load BYTES DATABASE: of a statement that fails nothing is repeated, for it may hold anything.
load() {
  words=$(head -c "$1" | sql --database="$2" 2>&1 >/dev/null) && return
  code=$?
  printf '%s\n' "$words" | sed -n "s/ near '.*//; /^ERROR [0-9]/p" >&2
  return "$code"
}
quoted() { printf '`%s`' "$(printf %s "$1" | sed 's/`/``/g')"; }
eval "$body"
