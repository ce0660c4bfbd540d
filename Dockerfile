# One image for the server and the page: `docker run … primer serve`, `… primer web`. See docs/deploy.md.
FROM python:3.12-slim

# CPU builds of torch. For NVIDIA's GPUs: --build-arg TORCH_INDEX=https://pypi.org/simple, gigabytes more.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG TORCH_VERSION=2.13.0
# Add `safety` for the learned classifiers.
ARG EXTRAS=serve,postgres,schema

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1
RUN pip install torch==${TORCH_VERSION} --index-url ${TORCH_INDEX}

# What Primer needs, in a layer that a change of its code leaves as it is.
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY src/primer/__init__.py src/primer/
RUN pip install ".[${EXTRAS}]"

COPY src src
RUN pip install --no-deps --force-reinstall .

# Models are read from here, and conversations go here where no other database is given.
RUN useradd --create-home --uid 1000 primer && install -d -o primer /primer /primer/runs
USER primer
WORKDIR /primer
VOLUME /primer/runs

EXPOSE 8000 8501
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health')"]
# In the form of a list, so that SIGTERM reaches Primer, which finishes the answers under way.
ENTRYPOINT ["primer"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
