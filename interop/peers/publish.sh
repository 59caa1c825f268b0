#!/bin/sh
# publish.sh FIFO REPLY_DIR REQUEST_FILE: what a shell script does to use the FIFO. The reply's name is in the request's first line.
set -eu
fifo=$1 reply_dir=$2 request=$3
name=$(sed -n '1s/^:[^:]*:\([^:]*\).*/\1/p' "$request")
rm -f "$reply_dir/$name"
mkfifo "$reply_dir/$name"
cat "$request" > "$fifo"
timeout 40 cat "$reply_dir/$name"
rm -f "$reply_dir/$name"
