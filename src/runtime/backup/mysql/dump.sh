# $1: the database. $2: `all` but its events, or `events`, which begin to run as soon as they are there.
# What is loaded into another database has its character set by the first line, which names none.
case $2 in
  all)
    loose=$(sql --raw --database="$1" -e "select count(*) from information_schema.tables where table_schema = database() and table_type = 'BASE TABLE' and engine not in ('InnoDB', 'ROCKSDB')") || exit
    [ "$loose" = 0 ] || echo "midwatch warning $loose tables of $1 know no transactions: what is written to them meanwhile may be there in part" >&2
    sql --raw --database="$1" -e "select concat('ALTER DATABASE CHARACTER SET ', default_character_set_name, ' COLLATE ', default_collation_name, ';') from information_schema.schemata where schema_name = database()" || exit
    set -- --hex-blob --routines --triggers --skip-events -- "$1"
    ;;
  events) set -- --no-create-info --no-data --skip-triggers --events -- "$1" ;;
esac
case $("$MIDWATCH_DUMP" --version) in
  *MariaDB*) ;;
  # Not every release knows each of them.
  *) set -- --loose-set-gtid-purged=OFF --loose-column-statistics=0 "$@" ;;
esac
exec "$MIDWATCH_DUMP" -u "$MIDWATCH_USER" --default-character-set=utf8mb4 --single-transaction --quick --no-tablespaces --skip-dump-date "$@"
