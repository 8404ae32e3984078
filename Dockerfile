# Two images from one file:
#   docker build --target server -t relayserver .
#   docker build --target connector -t relayserver-connector .
# The arguments of `docker run` are the program's: `docker run --rm -v relay-data:/data relayserver tenants add acme`.

ARG DENO_VERSION=2.9.6
FROM denoland/deno:debian-${DENO_VERSION} AS base
ENV DENO_NO_UPDATE_CHECK=1
WORKDIR /app
# Packages have a layer of their own, which changes only with the lock file. Nothing is fetched when a container runs.
COPY deno.json deno.lock ./
RUN deno install --frozen
COPY LICENSE ./
COPY shared ./shared

FROM base AS connector
COPY connector ./connector
RUN deno cache --frozen connector/main.ts
USER deno
# Deno is the first process and gets SIGTERM itself: the connector then drains, up to its configured time.
ENTRYPOINT ["deno", "run", "--cached-only", "--frozen", "--no-prompt", "--allow-net", "--allow-env", "--allow-sys=hostname", "--allow-read=/app,/config,/run/secrets", "/app/connector/main.ts"]
CMD ["run"]

FROM base AS server
COPY server ./server
COPY tools/health.ts ./tools/health.ts
RUN deno cache --frozen server/main.ts tools/health.ts \
  && mkdir /data && chown deno:deno /data
# The environment wins over a configuration file, so that these two hold unless they are set anew with `docker run --env`.
ENV RELAY_SERVER__DATA_DIRECTORY=/data \
  RELAY_SERVER__PORT=8080
USER deno
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s --retries=3 \
  CMD ["deno", "run", "--cached-only", "--frozen", "--no-prompt", "--allow-net=127.0.0.1", "--allow-env=RELAY_SERVER__MANAGEMENT__PORT,RELAY_SERVER__MANAGEMENT__TLS__CERT_FILE", "/app/tools/health.ts"]
ENTRYPOINT ["deno", "run", "--cached-only", "--frozen", "--no-prompt", "--allow-net", "--allow-env", "--allow-sys=hostname", "--allow-read=/app,/data,/config,/run/secrets", "--allow-write=/data", "/app/server/main.ts"]
CMD ["serve"]
