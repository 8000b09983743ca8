# $1: the database. It is counted in the very moment of which the dump is: by its exported snapshot, which psql holds for as long as somebody
# reads what it prints. Uncompressed: the repository finds again what it has, and compresses.
exec 3>&1
psql -XAtwq -v ON_ERROR_STOP=1 "$1" <<'SQL' |
begin isolation level repeatable read read only;
select pg_export_snapshot();
select format($$select 'count ' || count(*) || ' ' || %L from only %I.%I$$, quote_ident(nspname) || '.' || quote_ident(relname), nspname, relname)
  from pg_class join pg_namespace on pg_namespace.oid = relnamespace
  where relkind = 'r' and relpersistence = 'p' and nspname not like 'pg\_%' and nspname <> 'information_schema'
  order by nspname, relname
\gexec
\echo whole
select 1 \watch 0.2
SQL
{
  read -r snapshot || exit 1
  pg_dump -w --format=custom --compress=0 --snapshot="$snapshot" "$1" >&3 &
  dump=$!
  while read -r line && [ "$line" != whole ]; do echo "midwatch $line" >&2; done
  [ "$line" = whole ] || echo "not all was counted" >&2
  wait "$dump"
  # With this end of the pipe, psql ends too.
}
