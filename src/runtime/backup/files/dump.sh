# What a restore has put beside is left out. With GNU tar all is kept; any other keeps neither extended attributes nor holes, nor parts of
# a second.
if [ -L "$path" ] && [ ! -d "$path" ]; then
  echo "$path is a link: what it leads to has to be named" >&2
  exit 1
fi
is_there "$root/$name" || { echo "there is no $path" >&2; exit 1; }
cd "$root" || exit
exec 3>&1
what=./$name
if is_gnu; then
  # Nothing in it that differs from one run to the next: the repository finds again what it has.
  set -- --format=posix --pax-option='exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime' --sparse --numeric-owner --acls --xattrs \
    --xattrs-include='*' --xattrs-exclude=security.selinux --exclude='.midwatch-*' -- "$what"
else
  set -- "$what"
  if [ -z "$name" ]; then
    for beside in .midwatch-*; do
      # Not every tar can leave something out.
      if is_there "$beside"; then
        set --
        for each in * .[!.]* ..?*; do
          case $each in .midwatch-*) ;; *) ! is_there "./$each" || set -- "$@" "./$each" ;; esac
        done
        break
      fi
    done
  fi
fi
words=$(tar -c -f - "$@" 2>&1 >&3 3>&-)
code=$?
changed=$(printf '%s\n' "$words" | grep -cE ': (file changed as we read it|File removed before we read it|File shrank by .*|No such file or directory)$')
others=$(printf '%s\n' "$words" | grep -vE ': (file changed as we read it|File removed before we read it|File shrank by .*|No such file or directory|socket ignored|error exit delayed from previous errors)$')
[ "$changed" = 0 ] || echo "midwatch warning $changed files changed or went while they were read" >&2
# 1 is a warning of GNU tar, and any failure of another.
case $code in
  0) ;;
  1) [ -z "$others" ] || is_gnu || { printf '%s\n' "$others" >&2; exit 1; } ;;
  *) printf '%s\n' "$others" >&2; exit "$code" ;;
esac
