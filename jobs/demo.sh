#!/bin/sh
# Runs the example jobs as a person would and shows what comes back. Called by `make run`, which builds first.
# AMPULE is the binary, AMPULE_CATALOG the directory of the built jobs.
set -u
cd "$(dirname "$0")/.."
failed=0
mkdir -p target/demo

# show EXPECTED-STATUS TITLE ARGUMENTS...
show() {
    expected=$1 title=$2
    shift 2
    printf '\n\033[1m%s\033[0m\n$ ampule' "$title"
    for argument; do
        case $argument in
        *[!A-Za-z0-9_=/:.-]*) printf " '%s'" "$argument" ;;
        *) printf ' %s' "$argument" ;;
        esac
    done
    printf '\n'
    "$AMPULE" "$@"
    status=$?
    if [ "$status" -ne "$expected" ]; then
        printf 'demo: expected exit status %s, found %s\n' "$expected" "$status" >&2
        failed=1
    fi
}

show 0 "A job returns twice: the value is the list" run adder -k testvar=3
show 0 "A real job on a real file: statistics of a table" run csv_stats --dir jobs/input::/data
show 0 "A search through a directory that it may only read" run grep -k pattern='lamp|light' -k limit=3 --dir jobs/input::/data
show 0 "A picture in, a thumbnail out, in the one directory that it may write" \
    run thumbnail --dir jobs/input::/data --dir target/demo::/out:rw
show 0 "A source string is a job too: Python, sealed, with its arguments as variables" \
    eval -k testvar=3 'import math; _return(testvar + 5); _return(math.comb(10, testvar))'
show 0 "JavaScript, awaiting" eval -l javascript 'await Promise.all([1, 2, 3].map(async n => n * n))'
show 1 "A job that loops for ever is stopped by its timeout" run runaway -k how=loop --timeout 1s
show 1 "A job that traps says where" run flaky -k how=trap
show 3 "A mistyped argument is refused before anything is spent" run adder -k testvar=three

rm -f target/demo/queue.db*
queue=sqlite:target/demo/queue.db
show 0 "A queue keeps jobs in one file, and the program beside them" enqueue adder -k testvar=3 --queue "$queue"
show 0 "This one will fail, and is tried once more" \
    enqueue flaky -k how=retry --attempts 2 --backoff 300ms --queue "$queue"
show 1 "A worker runs them, until nothing is left" work --until-empty --queue "$queue"
show 0 "This one is due tomorrow, and survives until then" \
    enqueue adder -k testvar=8 --delay 1d --unique tomorrow --queue "$queue"
show 0 "What became of them" list --queue "$queue"

rm -f target/demo/server.db*
"$AMPULE" serve --listen 127.0.0.1:0 --queue sqlite:target/demo/server.db 2>target/demo/server.txt &
server=$!
trap 'kill $server 2>/dev/null' EXIT
tries=0
until grep -q '^try it' target/demo/server.txt || [ "$tries" -ge 300 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
url=$(sed -n 's/^listening on \([^ ,]*\).*/\1/p' target/demo/server.txt)
AMPULE_TOKEN=$(sed -n 's/.*shown this once: //p' target/demo/server.txt)
export AMPULE_TOKEN
show 0 "A server answers with the value of the same job" --server "$url" run adder -k testvar=3
show 0 "It keeps jobs too, and tells how they ended" --server "$url" enqueue adder -k testvar=8 --wait
exit $failed
