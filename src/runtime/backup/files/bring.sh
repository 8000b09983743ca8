# $1: bytes of what is brought. $2: `pax` where only GNU tar can read it.
[ "$2" != pax ] || is_gnu || { echo "midwatch missing GNU tar" >&2; exit 127; }
mkdir -p "$root" || exit
at=$(cd -P "$root" && pwd) || exit
inner=$(at=${at%/} name=$name awk '
  BEGIN { at = ENVIRON["at"] "/"; name = ENVIRON["name"] }
  { gsub(/\\040/, " ", $5) }
  name == "" ? substr($5, 1, length(at)) == at && $5 != at : $5 == at name { print $5; exit }
' /proc/self/mountinfo 2>/dev/null)
[ -z "$inner" ] || { echo "a mount cannot be put aside, and $inner is one: what is in it has to be backed up by itself" >&2; exit 1; }
undo || exit
note_time "$root"
# Where there is an `old` and no `new`, what is live is taken for what was restored: so `new` is there first, and `old` whole.
mkdir "$new" "$new/$like" && owned_like "$root" "$new" && mkdir "$gone" "$gone/$like" && owned_like "$root" "$gone/$like" &&
  set_time "$gone/$like" && mv "$gone" "$old" && set_time "$root" || exit
if is_gnu; then
  set -- "$1" -p --numeric-owner --acls --xattrs --xattrs-include='*'
else
  export EXTRACT_UNSAFE_SYMLINKS=1
  set -- "$1" -p
fi
bytes=$1
shift
head -c "$bytes" | tar -x "$@" -f - -C "$new" &&
  note_time "$new" && owned_like "$new" "$new/$like" && set_time "$new/$like" && exit
code=$?
undo
exit "$code"
