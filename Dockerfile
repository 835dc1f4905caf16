# The page on CPUs, as a user who is not root. Build and run:
#   docker build --tag snellen .
#   docker run --rm --publish 127.0.0.1:7860:7860 snellen
# With a password: --env SNELLEN_AUTH=user:password. Behind a proxy: --env SNELLEN_ROOT_PATH=/path. As a hub Space:
# docs/page.md.
FROM python:3.11-slim

# On x86 the package index's PyTorch brings CUDA along; name PyTorch's CPU index here to do without:
#   docker build --build-arg PIP_EXTRA_INDEX_URL=... --tag snellen .
ARG PIP_EXTRA_INDEX_URL=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1

WORKDIR /opt/snellen
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY src src
RUN python -m pip install --constraint constraints.txt ".[cpu,web]"

# The hub runs its Spaces as user 1000.
RUN useradd --create-home --uid 1000 snellen
USER snellen
WORKDIR /home/snellen
EXPOSE 7860
CMD ["snellen", "serve", "--host", "0.0.0.0", "--port", "7860"]
