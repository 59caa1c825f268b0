#!/bin/sh
# watch.sh PUA SOCKET PRESENTITY WATCHER DIRECTORY: appends every event to DIRECTORY/events. DIRECTORY/cursor says which was the last that was dealt with: started again,
# it goes on behind that one.
set -eu
pua=$1 socket=$2 presentity=$3 watcher=$4 directory=$5
cursor=$(cat "$directory/cursor" 2>/dev/null || true)
"$pua" watch "$presentity" --watcher "$watcher" --connect "unix:$socket" --json ${cursor:+--cursor "$cursor"} | while read -r event; do
    printf '%s\n' "$event" >> "$directory/events"
    cursor=$(printf '%s\n' "$event" | sed -n 's/^{"seq":[0-9]*,"cursor":"\([^"]*\)".*/\1/p')
    if [ -n "$cursor" ]; then
        printf '%s\n' "$cursor" > "$directory/cursor.new"
        mv "$directory/cursor.new" "$directory/cursor"
    fi
done
