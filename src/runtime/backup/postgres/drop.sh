# $1: a database that a restore made, or put aside.
psql -XAtwq -v ON_ERROR_STOP=1 -v gone="$1" template1 <<'SQL'
select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = :'gone' and pid <> pg_backend_pid() \g /dev/null
drop database if exists :"gone";
SQL
