# $1: a database that is there. $2: bytes of what is loaded into it.
load "$2" "$1"
