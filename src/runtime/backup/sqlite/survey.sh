# $1: the file.
must_exist "$1"
echo "midwatch version $(sqlite3 --version | cut -d' ' -f1)" >&2
echo "midwatch bytes $(sqlite3 -readonly "$1" 'select page_count * page_size from pragma_page_count, pragma_page_size')" >&2
