# $1: the database. $2: what takes its place, and has it already where there is none of this name. $3: what it is called then. $4: of which
# restore, or nothing for the way back. Both names change at once; nobody is connected in that moment.
psql -XAtwq -v ON_ERROR_STOP=1 -v live="$1" -v new="$2" -v old="$3" -v mark="${4:+midwatch restores $4}" template1 <<'SQL'
select :'mark' <> '' as is_marked, exists (select from pg_database where datname = :'new') as waits, exists (select from pg_database where datname = :'live') as is_there \gset
\if :waits
  \if :is_there
    -- What was granted on the old one, and set for it.
    select format('grant %s on database %I to %s%s', privilege_type, :'new', case when grantee = 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end, case when is_grantable then ' with grant option' else '' end)
      from pg_database, aclexplode(datacl) where datname = :'live' and (grantee = 0 or exists (select from pg_roles where oid = grantee))
    \gexec
    select format('alter %s %I %s set %I = %L', case when setrole = 0 then 'database' else 'role' end, case when setrole = 0 then :'new' else pg_get_userbyid(setrole) end, case when setrole = 0 then '' else format('in database %I', :'new') end, split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1))
      from pg_db_role_setting, unnest(setconfig) setting where setdatabase = (select oid from pg_database where datname = :'live')
    \gexec
    alter database :"live" with allow_connections false;
    select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = :'live' and pid <> pg_backend_pid() \g /dev/null
    begin;
    alter database :"live" rename to :"old";
    alter database :"new" rename to :"live";
    commit;
    alter database :"old" with allow_connections true;
  \else
    -- Should it be taken back, there was none (see name.sh).
    \if :is_marked
      comment on database :"new" is :'mark';
    \endif
    alter database :"new" rename to :"live";
  \endif
\endif
SQL
