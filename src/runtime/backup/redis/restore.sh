# $1: bytes of the dump. A server of its own, which only this instance can reach, loads it. Then the live one becomes its replica for as long
# as it takes to be the same, and forgets that it was.
command -v redis-server >/dev/null || { echo "midwatch missing redis-server" >&2; exit 127; }
place=$(mktemp -d) || exit
port=$((REDIS_PORT + 1))
side() { env -u REDISCLI_AUTH redis-cli -p "$port" "$@" 2>&1 | tr -d '\r'; }
live() { redis-cli -p "$REDIS_PORT" "$@" 2>&1 | tr -d '\r'; }
end() {
  [ -z "${joined-}" ] || live replicaof no one >/dev/null
  # Without being waited for it would be nobody's, and stay as a zombie.
  [ -z "${server-}" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; }
  rm -rf "$place"
}
trap end EXIT
trap 'exit 1' HUP INT TERM
head -c "$1" >"$place/dump.rdb"
redis-server --port "$port" --bind 127.0.0.1 --dir "$place" --dbfilename dump.rdb --save '' --appendonly no --repl-diskless-sync-delay 0 --daemonize no >"$place/log" 2>&1 &
server=$!
until case $(side ping) in PONG) true ;; *) false ;; esac; do
  kill -0 "$server" 2>/dev/null || { grep -v '^ *$' "$place/log" | tail -n 3 >&2; exit 1; }
  sleep 0.1
done
side info keyspace | sed -n 's/^\(db[0-9]*\):keys=\([0-9]*\).*/midwatch count \2 \1/p' >&2
[ "${2-}" = go ] || exit 0
joined=yes
[ "$(live replicaof 127.0.0.1 "$port")" = OK ] || { live replicaof 127.0.0.1 "$port" >&2; exit 1; }
until
  state=$(live info replication)
  case $state in *master_link_status:up*) case $state in *master_sync_in_progress:0*) true ;; *) false ;; esac ;; *) false ;; esac
do
  kill -0 "$server" 2>/dev/null || { echo "the server that held the dump ended" >&2; exit 1; }
  sleep 0.1
done
live replicaof no one >/dev/null
joined=
live info keyspace | sed -n 's/^\(db[0-9]*\):keys=\([0-9]*\).*/midwatch live \2 \1/p' >&2
