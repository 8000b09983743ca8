# $1: the file. $2: bytes of the dump. $3: `go`, or it is only looked at and counted. What is written over a live file is one transaction of it:
# whoever has it open sees the old or the new.
trap '' PIPE
if [ "${3-}" = go ]; then mkdir -p "$(dirname "$1")" || exit; fi
make_copy "$1" restore
head -c "$2" >"$copy"
[ "$(wc -c <"$copy")" -eq "$2" ] || { echo "the dump is cut off" >&2; exit 1; }
must_be_sound "the dump"
count_tables "$copy" || exit
[ "${3-}" = go ] || exit 0
# $1: the file. $2: whose it is to be. $3: its mode. What was beside an earlier file of this name does not belong to this one.
put() {
  chown "$2" "$copy" 2>/dev/null
  chmod "$3" "$copy" && rm -f "$1-journal" "$1-wal" "$1-shm" && mv -f "$copy" "$1"
}
# Who may make files there is who will open it.
[ -e "$1" ] || { put "$1" "$(stat -c %u:%g "$(dirname "$1")")" 660; exit; }
said=$(sqlite3 -bail -cmd '.timeout 60000' "$1" ".restore '$copy'" 2>&1) && exit
case $said in
  # So nobody can read or write there, and what is written over it would be for those who have it open to spoil.
  *"not a database"* | *malformed*) put "$1" "$(stat -L -c %u:%g "$1")" "$(stat -L -c %a "$1")" ;;
  *readonly*) echo "it has pages of another size than the dump, and in WAL mode it keeps them: move it away, and it is made anew" >&2; exit 1 ;;
  *) echo "$said" >&2; exit 1 ;;
esac
