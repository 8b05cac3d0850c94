# One image for all processes: `greenroom hub`, `api`, `worker`, `migrate`, `jobs`. Small, without compiler, root or writable files.

FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS build
RUN apt-get update && apt-get install --yes --no-install-recommends nodejs npm && rm -rf /var/lib/apt/lists/*
RUN python -m venv /build /srv/venv
WORKDIR /source
COPY deploy/requirements.lock deploy/build.lock ./
RUN /srv/venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements.lock
RUN /build/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r build.lock
COPY web/package.json web/package-lock.json web/
RUN cd web && npm ci --omit=dev --ignore-scripts
COPY pyproject.toml README.md ./
COPY api api
COPY cli cli
COPY config config
COPY core core
COPY marketplaces marketplaces
COPY migrations migrations
COPY realtime realtime
COPY web web
COPY workers workers
RUN /build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir dist .
RUN /srv/venv/bin/pip install --no-cache-dir --no-deps --no-index dist/*.whl

FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b
RUN useradd --system --uid 10001 --no-create-home greenroom
COPY --from=build /srv/venv /srv/venv
WORKDIR /srv
ENV PATH=/srv/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    GREENROOM_HOST=0.0.0.0 GREENROOM_PORT=8000 GREENROOM_DATA_DIR=/tmp
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
ENTRYPOINT ["greenroom"]
CMD ["hub"]
