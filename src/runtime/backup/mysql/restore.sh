# $1: a database that is made for it; one of that name goes. $2: bytes of the dump.
name=$(quoted "$1")
sql -e "drop database if exists $name; create database $name" || exit
load "$2" "$1"
