# As whom the server lets itself be asked: by the password that its image was given, or as the user that it runs as.
# $1: what to run then, with the arguments after it.
PGUSER=${POSTGRES_USER:-postgres}
[ -n "${PGPASSWORD-}" ] || PGPASSWORD=${POSTGRES_PASSWORD-}
[ -n "$PGPASSWORD" ] || [ -z "${POSTGRES_PASSWORD_FILE-}" ] || PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
PGCONNECT_TIMEOUT=20
PGOPTIONS='-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0'
export PGUSER PGPASSWORD PGCONNECT_TIMEOUT PGOPTIONS
for tool in psql pg_dump pg_restore; do
  command -v "$tool" >/dev/null || { echo "midwatch missing $tool" >&2; exit 127; }
done
body=$1
shift
can_become() { [ "$(id -u)" = 0 ] && id "$PGUSER" >/dev/null 2>&1 && command -v su >/dev/null; }
become() { exec su -s /bin/sh "$PGUSER" -c 'exec sh -c "$0" midwatch "$@"' "$body" "$@"; }
# Where no image's variables say how to ask, the server knows its own user by the system's, and writes into its log who is another.
[ -n "$PGPASSWORD${POSTGRES_USER-}${POSTGRES_HOST_AUTH_METHOD-}" ] || ! can_become || become "$@"
said=$(psql -XAtwqc 'select 1' template1 2>&1) && exec sh -c "$body" midwatch "$@"
! can_become || become "$@"
echo "$said" >&2
exit 1
