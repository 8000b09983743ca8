# $1: the file.
must_exist "$1"
count_tables "$1"
