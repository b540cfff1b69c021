#!/bin/sh
# Prints an environment with fresh secrets for compose.yaml, or for systemd: deploy/make-env.sh > .env
set -eu
umask 077
secret() { openssl rand -base64 32 | tr -d '\n'; }
cat <<END
REDIS_PASSWORD=$(openssl rand -hex 32)
UPSTASH_REDIS_REST_TOKEN=$(openssl rand -hex 32)
TICKET_SECRET=$(openssl rand -hex 32)
WEBHOOK_SECRETS=whsec_$(secret)
ALLOW_ANONYMOUS=false
END
