# $1: the database.
sql --raw --database="$1" <<'SQL' | sql --raw --database="$1" >&2
select concat('select concat(''midwatch count '', count(*), '' '', ', quote(table_name), ') from `', replace(table_name, '`', '``'), '`;')
  from information_schema.tables where table_schema = database() and table_type in ('BASE TABLE', 'SYSTEM VERSIONED') order by table_name;
SQL
