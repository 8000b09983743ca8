# $1: the file. It is copied by the online backup, in one transaction of its reader: whoever writes meanwhile does not begin it anew.
must_exist "$1"
make_copy "$1" dump
sqlite3 -bail -cmd '.timeout 20000' "$1" 'begin' 'select count(*) from sqlite_master' ".backup '$copy'" >/dev/null || exit
must_be_sound "the file"
count_tables "$copy" || exit
cat "$copy"
