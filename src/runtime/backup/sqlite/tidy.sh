# $1: the file.
tidy "$1" restore
