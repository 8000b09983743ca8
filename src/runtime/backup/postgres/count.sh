# $1: the database.
psql -XAtwq -v ON_ERROR_STOP=1 "$1" >&2 <<'SQL'
select format($$select 'midwatch count ' || count(*) || ' ' || %L from only %I.%I$$, quote_ident(nspname) || '.' || quote_ident(relname), nspname, relname)
  from pg_class join pg_namespace on pg_namespace.oid = relnamespace
  where relkind = 'r' and relpersistence = 'p' and nspname not like 'pg\_%' and nspname <> 'information_schema'
  order by nspname, relname
\gexec
SQL
