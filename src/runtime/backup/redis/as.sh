# How the server lets itself be asked. $1: what to run then, with the arguments after it.
command -v redis-cli >/dev/null || { echo "midwatch missing redis-cli" >&2; exit 127; }
[ -n "${REDISCLI_AUTH-}" ] || REDISCLI_AUTH=${REDIS_PASSWORD-}
[ -n "$REDISCLI_AUTH" ] || [ -z "${REDIS_PASSWORD_FILE-}" ] || REDISCLI_AUTH=$(cat "$REDIS_PASSWORD_FILE")
if [ -z "$REDISCLI_AUTH" ]; then
  for file in /etc/redis/redis.conf /usr/local/etc/redis/redis.conf /data/redis.conf; do
    REDISCLI_AUTH=$(sed -n 's/^requirepass *"\{0,1\}\([^"]*\)"\{0,1\} *$/\1/p' "$file" 2>/dev/null | tail -n 1)
    [ -z "$REDISCLI_AUTH" ] || break
  done
fi
if [ -n "$REDISCLI_AUTH" ]; then export REDISCLI_AUTH; else unset REDISCLI_AUTH; fi
export REDIS_PORT="${REDIS_PORT_NUMBER:-6379}"
said=$(redis-cli -p "$REDIS_PORT" ping 2>&1)
case $said in
  PONG) ;;
  *NOAUTH* | *WRONGPASS*)
    echo "it wants a password: REDISCLI_AUTH or REDIS_PASSWORD in its environment, or requirepass in its configuration file" >&2
    exit 1
    ;;
  *) echo "$said" >&2; exit 1 ;;
esac
body=$1
shift
exec sh -c "$body" midwatch "$@"
