#!/bin/sh
# Create the namespace and the search attributes that operators find processes by, where missing.
# The attributes are those of canonical/visibility.py.
set -eu

attempts=60
until temporal operator cluster health >/dev/null 2>&1; do
  attempts=$((attempts - 1))
  [ "$attempts" -gt 0 ] || { echo "Temporal at $TEMPORAL_ADDRESS is not healthy" >&2; exit 1; }
  sleep 2
done

temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"

known=$(temporal operator search-attribute list --namespace "$TEMPORAL_NAMESPACE")
add() {
  echo "$known" | grep -qw "$1" ||
    temporal operator search-attribute create \
      --namespace "$TEMPORAL_NAMESPACE" --name "$1" --type "$2"
}
add TielineProcess Keyword
add TielineAccount Keyword
add TielineLegalEntity Keyword
add TielineStage Keyword
add TielineCause Keyword
add TielineAmountHeld Int
