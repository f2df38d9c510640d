# usherd, usher-bridge and usher: built here, run without compilers, as nobody in particular.
#
#   docker build -t usher .
#
# tests/fresh/compose does these steps in bare trees, where there is no container engine.

FROM debian:12.11-slim AS build
WORKDIR /src
COPY tests/lib/packages tests/lib/packages
# The list under "the build", and nothing that only ./run and ./test use.
RUN apt-get update && \
    awk '/^#/ { on = /the build/ } /^[^#[]/ && on' tests/lib/packages | \
    DEBIAN_FRONTEND=noninteractive xargs apt-get install -y --no-install-recommends && \
    rm -rf /var/lib/apt/lists/*
COPY . .
RUN cmake -S . -B /build -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DUSHER_TESTS=OFF && \
    ninja -C /build && \
    DESTDIR=/out cmake --install /build --prefix /usr --strip && \
    install -D -m 755 -t /out/usr/libexec/usher docs/deploy/compose/setup docs/deploy/compose/answers

FROM debian:12.11-slim
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        libcrypt1 libjwt0 libmicrohttpd12 libnng1 libpq5 libprotobuf-c1 libsodium23 libssl3 && \
    rm -rf /var/lib/apt/lists/*
# A number, so that an orchestrator sees that it is not root. What is a volume is given its owner here.
RUN groupadd --gid 10001 usher && \
    useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin usher && \
    install -d -o 10001 -g 10001 -m 700 /var/lib/usher /var/lib/usher-bridge /var/lib/usher-mail
COPY --from=build /out/usr/bin /usr/bin
COPY --from=build /out/usr/libexec/usher /usr/libexec/usher
USER 10001:10001
WORKDIR /var/lib/usher
ENV USHER_MODE=production USHER_SPOOL_DIR=/var/lib/usher
EXPOSE 7700 8080 9700
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["/usr/libexec/usher/answers", "127.0.0.1:9700/metrics", "^usher_ready 1$"]
CMD ["usherd"]
