# $1: the file. It is copied by the online backup, in one transaction of its reader: whoever writes meanwhile does not begin it anew.
place_for "$1" || exit
trap 'rm -f "$copy" "$copy-journal" "$copy-wal" "$copy-shm"' EXIT
trap 'exit 1' HUP INT TERM
sqlite3 -bail -cmd '.timeout 20000' "$1" 'begin' 'select count(*) from sqlite_master' ".backup '$copy'" >/dev/null || exit
state=$(sqlite3 -readonly "$copy" 'pragma integrity_check') || exit
[ "$state" = ok ] || { echo "the file is damaged: $state" >&2; exit 1; }
count_tables "$copy" || exit
cat "$copy"
