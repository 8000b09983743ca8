# All databases in one archive, uncompressed: the repository finds again what it has, and compresses. The users are in `admin`.
# Each collection is of its own moment: one moment for all of them can be had of a replica set only.
exec 3>&1
code=$({ { with_password mongodump --archive 2>&1 >&3 3>&- 5>&-; echo $? >&5; } | counted 'done dumping' '' 3>&-; } 5>&1)
exit "${code:-1}"
