#!/bin/sh
# Makes the files in compose/secrets/ that are not there yet: for trying it, keys that only the stand-ins take.
# Put your own in their place to page for real; the folder is not in git.
set -eu
folder=${1:-$(dirname "$0")/secrets}
umask 077
mkdir -p "$folder"
give() { test -s "$folder/$1" || printf '%s' "$2" > "$folder/$1"; }
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
give slack_url http://receiver:8090/slack
give pagerduty_platform stand-in-platform
give pagerduty_ops_ml stand-in-ops-ml
give pagerduty_data_platform stand-in-data-platform
give grafana_password "$(random)"
for user in admin worker canary publisher; do give "kafka_$user" "$(random)"; done
# Containers do not run as you; the folder above is closed to others, its files are mounted one by one.
chmod 700 "$folder"
chmod 444 "$folder"/*
