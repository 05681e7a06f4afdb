# syntax=docker/dockerfile:1
# docker build --build-arg EXTRAS=aws -t external-secrets:aws .
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
ARG EXTRAS=all
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
COPY image image
RUN image/build /opt/eso "${EXTRAS}"

FROM python:${PYTHON}-slim
COPY --from=build /opt/eso /opt/eso
ENV PATH=/opt/eso/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# By number, so that runAsNonRoot can be checked. The root file system may be read-only; /tmp is for certificates in use.
USER 65532:65532
EXPOSE 8080 8081 8082 10250
ENTRYPOINT ["eso"]
