# $1: `brought` or `live`. Of a file with several names only one counts its bytes.
case $1 in
  brought) cd "$new" ;;
  live) cd "$root" ;;
esac || exit
if [ -n "$name" ]; then set -- "./$name"; else set -- . -mindepth 1; fi
find "$@" -name '.midwatch-*' -prune -o -exec stat -c '%f %h %i %s' {} + | awk '
  { type = length($1) == 4 ? substr($1, 1, 1) : "" }
  type == 4 { directories++; next }
  { files++ }
  type == 8 && ($2 == 1 || !seen[$3]++) { bytes += $4 }
  END { printf "midwatch count %d files\nmidwatch count %d directories\nmidwatch count %.0f bytes\n", files, directories, bytes }
' >&2
