[ -d "$root" ] || exit 0
undo
