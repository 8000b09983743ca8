# By which tools, and as whom the server lets itself be asked. A password is given to them by a file that is only a descriptor.
# $1: what to run then, with the arguments after it.
for tool in mongodump mongorestore; do
  command -v "$tool" >/dev/null || { echo "midwatch missing $tool" >&2; exit 127; }
done
MIDWATCH_USER=${MONGO_INITDB_ROOT_USERNAME:-${MONGODB_ROOT_USER-}}
MIDWATCH_PASSWORD=${MONGO_INITDB_ROOT_PASSWORD:-${MONGODB_ROOT_PASSWORD-}}
[ -n "$MIDWATCH_USER" ] || [ -z "${MONGO_INITDB_ROOT_USERNAME_FILE-}" ] || MIDWATCH_USER=$(cat "$MONGO_INITDB_ROOT_USERNAME_FILE")
for file in "${MONGO_INITDB_ROOT_PASSWORD_FILE-}" "${MONGODB_ROOT_PASSWORD_FILE-}"; do
  [ -n "$MIDWATCH_PASSWORD" ] || [ -z "$file" ] || MIDWATCH_PASSWORD=$(cat "$file")
done
[ -z "$MIDWATCH_PASSWORD" ] || [ -n "$MIDWATCH_USER" ] || MIDWATCH_USER=root
export MIDWATCH_USER MIDWATCH_PASSWORD
# with_password TOOL ARGUMENTS...
with_password() {
  if [ -z "$MIDWATCH_USER" ]; then
    "$@"
  else
    "$@" --username="$MIDWATCH_USER" --authenticationDatabase=admin --config=/dev/fd/4 4<<YAML
password: '$(printf %s "$MIDWATCH_PASSWORD" | sed "s/'/''/g")'
YAML
  fi
}
# shell SCRIPT: in mongosh, or in mongo as it was called before, which knows the environment by another name.
shell() {
  client=$(command -v mongosh || command -v mongo) || { echo "midwatch missing mongosh" >&2; return 127; }
  "$client" --quiet --norc --eval '
    const variable = typeof process === "undefined" ? _getEnv : name => process.env[name];
    const admin = db.getSiblingDB("admin");
    if (variable("MIDWATCH_USER")) admin.auth(variable("MIDWATCH_USER"), variable("MIDWATCH_PASSWORD"));
    '"$1"
}
# "…	done dumping shop.orders (3 documents)", "…	finished restoring shop.orders (3 documents, 0 failures)".
# $1: what stands before the collection's name, $2: what is left out of it.
counted() {
  sed -e "s/^.*[[:space:]]$1 \(.*\) (\([0-9][0-9]*\) documents\{0,1\}\(, [0-9]* failures\{0,1\}\)\{0,1\})\$/midwatch count \2 \1/" \
    -e "s/^\(midwatch count [0-9]* [^.]*\)$2\./\1./" >&2
}
body=$1
shift
eval "$body"
