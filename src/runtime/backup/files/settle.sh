[ -d "$root" ] || exit 0
note_time "$root"
discard "$old" && set_time "$root"
