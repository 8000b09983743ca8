# The server's version, the room where it keeps its files, and each database with its size in bytes.
sql >&2 <<'SQL'
select concat('midwatch version ', version());
select concat('midwatch database ', coalesce(sum(data_length + index_length), 0), ' ', schema_name)
  from information_schema.schemata left join information_schema.tables on table_schema = schema_name
  where lower(schema_name) not in ('mysql', 'sys', 'information_schema', 'performance_schema')
  group by schema_name order by schema_name;
SQL
place=$(sql --raw -e 'select @@datadir') && room=$(df -Pk "$place" 2>/dev/null | awk 'NR == 2 { print $4 }')
[ -z "$room" ] || echo "midwatch room $((room * 1024))" >&2
