# Room is where it is, or will be.
place=$path
until [ -d "$place/" ]; do place=${place%/*}; done
room=$(df -Pk "$place/" | awk 'NR == 2 { print $4 }')
[ -z "$room" ] || echo "midwatch room $((room * 1024))" >&2
if is_gnu; then
  version="GNU tar $(tar --version | sed -n '1s/.* //p')"
else
  version=$(tar --help 2>&1 | sed -n 's/^\(BusyBox\) v\([^ ]*\).*/\1 \2/p' | head -n 1)
fi
echo "midwatch version ${version:-unknown}" >&2
if [ -d "$path" ]; then
  kib=$(du -sk "$path/." 2>/dev/null)
  echo "midwatch directory ${kib%%[!0-9]*}" >&2
elif [ -f "$path" ] && [ ! -L "$path" ]; then
  kib=$(du -sk "$path" 2>/dev/null)
  echo "midwatch file ${kib%%[!0-9]*}" >&2
fi
