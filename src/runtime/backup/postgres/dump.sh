# $1: the database. It is counted in the very moment of which the dump is: by its exported snapshot, which is held for as long as it
# dumps. Uncompressed: the repository finds again what it has, and compresses.
exec 3>&1
psql -XAtwq -v ON_ERROR_STOP=1 -v mark="midwatch-$$" "$1" <<'SQL' |
begin isolation level repeatable read read only;
select pg_export_snapshot();
\echo :mark
select format($$select 'count ' || count(*) || ' ' || %L from only %I.%I$$, quote_ident(nspname) || '.' || quote_ident(relname), nspname, relname)
  from pg_class join pg_namespace on pg_namespace.oid = relnamespace
  where relkind = 'r' and relpersistence = 'p' and nspname not like 'pg\_%' and nspname <> 'information_schema'
  order by nspname, relname
\gexec
\set wait 'do $do$ begin for tries in 1..300 loop perform pg_stat_clear_snapshot(); exit when exists (select from pg_stat_activity where application_name = ' :'mark' '); perform pg_sleep(0.1); end loop; loop perform pg_stat_clear_snapshot(); exit when not exists (select from pg_stat_activity where application_name = ' :'mark' '); perform pg_sleep(0.1); end loop; end $do$'
:wait;
commit;
\echo whole
SQL
{
  read -r snapshot && read -r mark || exit 1
  PGAPPNAME=$mark pg_dump -w --format=custom --compress=0 --snapshot="$snapshot" "$1" >&3 &
  dump=$!
  while read -r line; do echo "midwatch $line" >&2; done
  wait "$dump"
}
