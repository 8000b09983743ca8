# $1: a database that a restore made.
sql -e "drop database if exists $(quoted "$1")"
