# Users and what they may do, and roles before them. Those of the server itself are left out: every server has its own.
# A password may hold any byte: as hexadecimal digits, where that has to be asked for.
hex=$(sql -e "show variables like 'print_identified_with_as_hex'") || exit
hex=${hex:+set session print_identified_with_as_hex = 1;}
roles=$(sql -e "show columns from mysql.user like 'is_role'") || exit
is_role=${roles:+is_role = \'Y\'}
sql --raw -e "select if(${is_role:-false}, 1, 2), if(${is_role:-false}, quote(user), concat(quote(user), '@', quote(host))) from mysql.user
  where user not in ('', 'root', 'mysql', 'mysql.sys', 'mysql.session', 'mysql.infoschema', 'mariadb.sys', 'PUBLIC') order by 1, 2" |
  while IFS='	' read -r kind who; do
    echo "-- user $who"
    case $kind in
      1) echo "CREATE ROLE $who;" ;;
      2) sql --raw -e "$hex show create user $who" | sed 's/$/;/' ;;
    esac
    sql --raw -e "show grants for $who" | sed 's/$/;/'
  done
