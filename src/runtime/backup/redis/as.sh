# How the server lets itself be asked. $1: what to run then, with the arguments after it.
command -v redis-cli >/dev/null || { echo "midwatch missing redis-cli" >&2; exit 127; }
port=${REDIS_PORT_NUMBER:-6379}
# Of the server that holds a dump. Few others choose it, and a live server that was left as its replica is known by it.
side_port=$((port > 60000 ? port - 311 : port + 311))
live() { redis-cli -p "$port" "$@" 2>&1 | tr -d '\r'; }
setting() { live config get "$1" | sed -n 2p; }
answers() {
  unset REDISCLI_AUTH
  [ -z "$1" ] || export REDISCLI_AUTH="$1"
  said=$(live ping)
  [ "$said" = PONG ]
}
in_files() { sed -n 's/^requirepass *"\{0,1\}\([^"]*\)"\{0,1\} *$/\1/p' /etc/redis/redis.conf /usr/local/etc/redis/redis.conf /data/redis.conf 2>/dev/null | tail -n 1; }
given=${REDISCLI_AUTH-}
answers '' || answers "$given" || answers "${REDIS_PASSWORD-}" || answers "$(cat "${REDIS_PASSWORD_FILE:-/dev/null}")" || answers "$(in_files)" ||
  case $said in
    *NOAUTH* | *WRONGPASS*)
      echo "it wants a password: REDISCLI_AUTH or REDIS_PASSWORD in its environment, or requirepass in its configuration file" >&2
      exit 1
      ;;
    *) echo "$said" >&2; exit 1 ;;
  esac
keyspace() { sed -n "s/^\(db[0-9]*\):keys=\([0-9]*\),expires=\([0-9]*\).*/midwatch $1/p" >&2; }
# Where a restore keeps the dump: beside the server's own files, where there is room as a rule, or where there is room at all.
places() { printf '%s/.midwatch-restore\n' "$(setting dir)" "${TMPDIR:-/tmp}"; }
# Whatever a restore has beside the live server is gone, also what one left that was killed.
tidy() {
  [ "$(live role | head -n 3 | tr '\n' ' ')" != "slave 127.0.0.1 $side_port " ] || live replicaof no one >/dev/null
  places | while read -r place; do
    [ -d "$place" ] || continue
    for pid in $(cat "$place/pids" 2>/dev/null); do
      [ "$pid" != $$ ] || continue
      # In a container that was started again, another process may have its number.
      case $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") in
        *" midwatch "* | *"-server 127.0.0.1:$side_port"*) kill -9 "$pid" ;;
      esac
    done
    rm -rf "$place"
  done
}
body=$1
shift
eval "$body"
