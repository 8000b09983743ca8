# $1: bytes of the dump. $2: `go`, or it is only loaded and counted. A server of its own, which only this instance can reach, loads it. With
# `go` the live one becomes its replica for as long as it takes to be the same, and forgets that it was. Once all was read, this goes on to
# its end, also when nobody hears it any more.
command -v redis-server >/dev/null || { echo "midwatch missing redis-server" >&2; exit 127; }
trap '' PIPE
tidy
[ "$(live role | head -n 1)" = master ] || { echo "it is a replica: what its master has would replace what is restored" >&2; exit 1; }
case $(live info cluster) in *cluster_enabled:1*) echo "it is a node of a cluster, which follows no server outside of it" >&2; exit 1 ;; esac
own=$(places | while read -r place; do mkdir -m 700 "$place" 2>/dev/null && echo "$place" && break; done)
[ -n "$own" ] && cd "$own" || { echo "there is no place for the dump: neither beside the server's own nor in ${TMPDIR:-/tmp}" >&2; exit 1; }
end() {
  cd / && tidy
  # Without being waited for it would be nobody's, and stay as a zombie.
  [ -z "${server-}" ] || wait "$server" 2>/dev/null
}
trap end EXIT
trap 'exit 1' HUP INT TERM
echo $$ >pids
head -c "$1" >dump.rdb
[ "$(wc -c <dump.rdb)" -eq "$1" ] || { echo "the dump is cut off" >&2; exit 1; }

# By these the live one will sign in.
password=$(setting masterauth)
user=$(setting masteruser)
quoted=$(printf '%s' "$password" | sed 's/[\\"]/\\&/g')
credentials=
[ -z "$password" ] || credentials="requirepass \"$quoted\""
[ -z "$user" ] || credentials="$credentials
user $user on \">$quoted\" ~* &* +@all"
databases=$(setting databases)
side() {
  (
    unset REDISCLI_AUTH
    [ -z "$password" ] || export REDISCLI_AUTH="$password"
    redis-cli -s socket "$@" 2>&1 | tr -d '\r'
  )
}
redis-server - >log 2>&1 <<CONFIGURATION &
port $side_port
bind 127.0.0.1
unixsocket socket
dbfilename dump.rdb
databases ${databases:-16}
save ""
appendonly no
repl-diskless-sync-delay 0
$credentials
CONFIGURATION
server=$!
echo "$server" >>pids
until
  said=$(side ping)
  [ "$said" = PONG ]
do
  kill -0 "$server" 2>/dev/null || {
    said=$(sed -n 's/^[0-9]*:[A-Z] [^#]* # //p' log)
    version=$(echo "$said" | sed -n 's/.*handle RDB format version/version/p')
    if [ -n "$version" ]; then echo "the server is older than the dump: it cannot read RDB of $version"; else echo "$said" | tail -n 3; fi >&2
    exit 1
  }
  case $said in "Could not connect"* | *LOADING*) sleep 0.1 ;; *) echo "the server that holds the dump: $said" >&2; exit 1 ;; esac
done
side info keyspace | keyspace 'count \2 \1'
[ "${2-}" = go ] || exit 0

[ "$(live replicaof 127.0.0.1 "$side_port")" = OK ] || { echo "it does not follow the server that holds the dump" >&2; exit 1; }
idle=0
until
  state=$(live role | sed -n 4p)
  [ "$state" = connected ]
do
  kill -0 "$server" 2>/dev/null || { echo "the server that held the dump ended" >&2; exit 1; }
  case $state in sync) idle=0 ;; *) idle=$((idle + 1)) ;; esac
  [ "$idle" -lt 300 ] || { echo "it does not reach the server that holds the dump" >&2; exit 1; }
  sleep 0.1
done
[ "$(live replicaof no one)" = OK ] || { echo "it could not be made a master again" >&2; exit 1; }
# What it keeps on its disk is written anew in the background.
until
  state=$(live info persistence)
  case $state in *aof_rewrite_in_progress:1* | *aof_rewrite_scheduled:1*) false ;; *) true ;; esac
do
  sleep 0.1
done
case $state in *aof_enabled:1*aof_last_bgrewrite_status:err*) echo "what was restored could not be written to its disk" >&2; exit 1 ;; esac
