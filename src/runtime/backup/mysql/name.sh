# $1: a name that nobody has. $2: a table that tells that a database came from this restore, for as long as it may be taken back: another's
# of that name is nobody's to let go. $3: `named`, `unnamed` or `settled`. $4: bytes of what is loaded into it, for the first.
name=$(quoted "$1") mark=$(quoted "$2")
found=$(sql --raw --database="$1" -e 'select table_name from information_schema.tables where table_schema = database()' 2>&1)
code=$?
case $code,$found in
  0,*) is_there=1 ;;
  *'ERROR 1049'*) is_there= ;;
  *) echo "$found" >&2; exit "$code" ;;
esac
case "
$found
" in *"
$2
"*) is_ours=1 ;; *) is_ours= ;; esac
case $3 in
  named)
    # One without a table was left between the statements that make it.
    [ -z "$is_there" ] || [ -n "$is_ours" ] || [ -z "$found" ] || { echo "there is a database $1 already" >&2; exit 1; }
    sql -e "drop database if exists $name; create database $name; create table $name.$mark (a int)" || exit
    load "$4" "$1"
    ;;
  unnamed) [ -z "$is_ours" ] || sql -e "drop database $name" ;;
  settled) [ -z "$is_ours" ] || sql -e "drop table $name.$mark" ;;
esac
