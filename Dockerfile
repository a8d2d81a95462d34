# Build: docker build -t sori .
FROM python:3.12-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /srv/sori

# Packages are a layer of their own, so that a change of the code does not install them again.
COPY requirements.txt requirements-lyrics.txt requirements-cluster.txt ./
RUN pip install --requirement requirements.txt
# docker build --build-arg LYRICS=1 adds the packages that read the words of songs.
ARG LYRICS=
RUN if [ -n "$LYRICS" ]; then pip install --requirement requirements-lyrics.txt; fi
# docker build --build-arg CLUSTER=1 adds the packages for many machines.
ARG CLUSTER=
RUN if [ -n "$CLUSTER" ]; then pip install --requirement requirements-cluster.txt; fi

COPY . .
RUN for po in translations/*/LC_MESSAGES/messages.po; do \
      python -m babel.messages.frontend --quiet compile --input-file "$po" --output-file "${po%.po}.mo"; \
    done \
 && python -m compileall -q main.py preprocess.py environment.py setting_kinds.py terminal.py ml library jobs web \
 && useradd --create-home --uid 10001 sori \
 && mkdir --parents var && chown sori:sori var

USER sori
# numba and matplotlib write caches, and the user cannot write to the program folder.
ENV SORI_HOST=0.0.0.0 NUMBA_CACHE_DIR=/tmp/numba MPLCONFIGDIR=/tmp/matplotlib
VOLUME ["/srv/sori/var"]
EXPOSE 8000
STOPSIGNAL SIGTERM
# urlopen raises on status 503, so the exit code is 1.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["python", "-c", \
  "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('SORI_PORT', '8000') + '/healthz', timeout=8)"]
CMD ["python", "main.py", "serve"]
