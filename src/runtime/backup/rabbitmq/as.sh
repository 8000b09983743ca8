# As whom the broker lets itself be asked: whoever may read its cookie. $1: what to run then, with the arguments after it.
# Definitions have the hashes of passwords in them: they stay in variables and pipes, and what a tool says of them is blackened.
command -v rabbitmqctl >/dev/null || { echo "midwatch missing rabbitmqctl" >&2; exit 127; }
ctl() { rabbitmqctl -q "$@"; }
blackened() { grep '[^ ]' | head -n 3 | sed -e 's|://[^@/ ]*@|://…@|g' -e 's|[A-Za-z0-9+/=]\{24,\}|…|g' -e 's|<<[0-9, ]*>>|…|g'; }
exported() {
  definitions=$(ctl export_definitions - 2>&1) || { printf '%s\n' "$definitions" | blackened >&2; exit 1; }
  is_whole || { echo "rabbitmqctl did not export the definitions whole" >&2; exit 1; }
}
is_whole() {
  case $definitions in "{"*'"rabbit_version":'*"}") ;; *) return 1 ;; esac
}
# How many objects are in each array of the outermost object: with the escapes gone, every other line is within quotes.
count_definitions() {
  printf '%s\n' "$definitions" | tr -d '\n' | sed 's/\\\\//g; s/\\"//g' | tr '"' '\n' | awk '
    NR % 2 == 0 { name = $0; next }
    {
      for (at = 1; at <= length($0); at++) {
        char = substr($0, at, 1)
        if (char == "[" || char == "{") {
          if (++depth == 2) kind = name
          if (depth == 3 && char == "{") counts[kind]++
        }
        if (char == "]" || char == "}") depth--
      }
    }
    END {
      for (kind in counts) print "midwatch count " counts[kind] " " kind
      exit depth
    }' >&2
}
# What reads nothing would take the dump from whoever does.
of_server() { said=$(ctl eval 'rabbit_misc:version().' 2>&1 </dev/null); }
of_server || {
  [ "$(id -u)" != 0 ] || ! id rabbitmq >/dev/null 2>&1 || ! command -v su >/dev/null || {
    ctl() { su -s /bin/sh -c 'exec rabbitmqctl -q "$@"' -- rabbitmq midwatch "$@"; }
    of_server
  }
} || { echo "$said" | blackened >&2; exit 1; }
version=$(echo "$said" | tr -d '"')
body=$1
shift
eval "$body"
