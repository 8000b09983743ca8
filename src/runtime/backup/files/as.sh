# What all scripts for files share. $1: what to run then. $2: the path. $3: tells one restore from another. $4: `directory` or `file`. What
# runs then gets the arguments after these. Names are hostile: they are handed on as they are, as arguments, and behind a path that begins with `/`.
export LC_ALL=C
for tool in tar find stat awk; do
  command -v "$tool" >/dev/null || { echo "midwatch missing $tool" >&2; exit 127; }
done
body=$1 path=$2 hash=$3 kind=$4
shift 4
case $path in
  /*) ;;
  *) echo "a path has to begin with /, and '$path' does not" >&2; exit 1 ;;
esac
# What is restored is beside what is live, in the same mount: a mount point itself cannot be renamed.
case $kind in
  file) root=${path%/*}/. name=${path##*/} ;;
  *) root=$path/. name= ;;
esac
# `new` is what was brought while all that is live is still the old; from the moment when it is called `coming`, what is live is new.
new=$root/.midwatch-new-$hash
coming=$root/.midwatch-coming-$hash
old=$root/.midwatch-old-$hash
gone=$root/.midwatch-gone-$hash
# In `old` and in `new`: has the owner, the mode and the time of the directory itself.
like=.midwatch-like

is_gnu() { case $(tar --version 2>/dev/null) in *'GNU tar'*) ;; *) false ;; esac; }

is_there() { [ -e "$1" ] || [ -L "$1" ]; }

# each IN WHAT-TO-DO...: with all that is restored, or was, at the top of IN.
each() {
  in=$1
  shift
  if [ -z "$name" ]; then
    find "$in" -mindepth 1 -maxdepth 1 ! -name '.midwatch-*' "$@"
  elif is_there "$in/$name"; then
    find "$in/$name" -maxdepth 0 "$@"
  fi
}

# move FROM TO LOSER: all of it. What is in both was made in the middle by whoever still writes there; that of LOSER, `from` or `to`, goes.
# A directory of an image's own layer cannot be renamed: it is copied, and has its name only when it is whole.
move() {
  case $(stat -f -c %t "$1") in 794c7630) layered=yes ;; *) layered= ;; esac
  rm -rf "$2/.midwatch-part" || return
  failed=$(each "$1" -exec sh -c '
    loser=$1 to=$2 layered=$3
    shift 3
    for each; do
      there=$to/${each##*/}
      if [ -e "$there" ] || [ -L "$there" ]; then
        case $loser in from) rm -rf "$each" && continue ;; to) rm -rf "$there" ;; esac || echo failed
      fi
      if [ -n "$layered" ] && [ -d "$each" ] && [ ! -L "$each" ]; then
        cp -a "$each" "$to/.midwatch-part" && mv "$to/.midwatch-part" "$there" && rm -rf "$each" || echo failed
      fi
    done
  ' midwatch "$3" "$2" "$layered" {} +) && [ -z "$failed" ] || return 1
  # Not every find tells that what it ran has failed.
  failed=$(each "$1" -exec sh -c 'to=$1; shift; mv -f "$@" "$to/" || echo failed' midwatch "$2" {} +) && [ -z "$failed" ]
}

# Times are kept over what is done inside of a directory.
note_time() { exact=$(stat -c %y "$1") seconds=$(stat -c %Y "$1"); }
set_time() { touch -d "$exact" "$1" 2>/dev/null || touch -d "@$seconds" "$1"; }

# owned_like THIS THAT: THAT gets the owner and the mode of THIS. A directory in which a single file is stays as it is.
owned_like() {
  [ -z "$name" ] || return 0
  [ "$(stat -c %u:%g "$1")" = "$(stat -c %u:%g "$2")" ] || chown "$(stat -c %u:%g "$1")" "$2" || return
  chmod "$(stat -c %a "$1")" "$2"
}

note_like() { [ -n "$name" ] || note_time "$1/$like"; }

# By another name first: nobody takes what is half removed for whole.
discard() {
  empty_gone && is_there "$1" || return 0
  mv "$1" "$gone" && empty_gone
}
empty_gone() {
  is_there "$gone" || return 0
  rm -rf "$gone" 2>/dev/null || { chmod -R u+rwx "$gone" && rm -rf "$gone"; }
}

# The old is live again, and what was brought is gone, from wherever a restore has come to.
undo() {
  is_there "$new" || is_there "$coming" || is_there "$old" || { empty_gone; return; }
  note_time "$root"
  if ! is_there "$new" && is_there "$old"; then
    mkdir -p "$coming" && move "$root" "$coming" from && mv "$coming" "$new" || return
  fi
  if is_there "$old"; then
    note_like "$old"
    move "$old" "$root" to && owned_like "$old/$like" "$root" && discard "$old" || return
  fi
  discard "$new" && set_time "$root"
}
eval "$body"
