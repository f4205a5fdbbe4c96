# The core: docker build -t spektron .   With the encoder: --build-arg EXTRA=[network]
#   docker run --rm -v "$PWD:/data" spektron transfer old.csv new.csv --property Moisture
FROM python:3.12-slim
ARG EXTRA=""
COPY . /source
RUN pip install --no-cache-dir "/source${EXTRA}" && rm -rf /source
RUN useradd --create-home spektron
USER spektron
WORKDIR /data
ENTRYPOINT ["spektron"]
CMD ["--help"]
