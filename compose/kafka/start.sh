#!/bin/sh
# Formats Kafka's log at the first start, with the users' passwords from files, and starts the broker.
set -eu
secrets=${SECRETS:-/run/secrets}
properties=${PROPERTIES:-/etc/kafka/secure.properties}
set --
for user in admin worker canary publisher; do
  set -- "$@" --add-scram "SCRAM-SHA-512=[name=$user,password=$(cat "$secrets/kafka_$user")]"
done
kafka-storage.sh format --ignore-formatted --cluster-id "$CLUSTER_ID" --config "$properties" "$@"
set --
exec kafka-server-start.sh "$properties"
