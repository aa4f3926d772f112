#!/bin/sh
# Makes the missing files in compose/secrets/. The keys of receivers work only with the stand-ins.
# To page for real, replace them with your own. The folder is not in git.
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
# Containers run as another user, so the files are readable. The folder is closed; its files are mounted singly.
chmod 700 "$folder"
chmod 444 "$folder"/*
