# $1: the file. $2: bytes of the dump. $3: `go`, or it is only looked at. What is written over the live file is one transaction of it:
# whoever has it open sees the old or the new.
place_for "$1" || exit
trap 'rm -f "$copy" "$copy-journal" "$copy-wal" "$copy-shm"' EXIT
trap 'exit 1' HUP INT TERM
head -c "$2" >"$copy"
[ "$(wc -c <"$copy")" -eq "$2" ] || { echo "the dump is cut off" >&2; exit 1; }
state=$(sqlite3 -readonly "$copy" 'pragma integrity_check') || exit
[ "$state" = ok ] || { echo "the dump is damaged: $state" >&2; exit 1; }
count_tables "$copy" || exit
[ "${3-}" = go ] || exit 0
sqlite3 -bail -cmd '.timeout 60000' "$1" ".restore '$copy'"
