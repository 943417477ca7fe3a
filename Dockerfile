# Builds an image of ghmigrate. The image has no shell, and runs as a user without privileges:
#
#	docker build -t ghmigrate .
#	docker run --rm -e GH_TOKEN -v backups:/data ghmigrate export --org octo-org --all --out /data/backups
#
# Keep the volume between runs, also if archives go to a bucket: /data/state has the journals, which
# an interrupted export needs to continue.
FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
ARG TARGETOS TARGETARCH VERSION=
WORKDIR /src
COPY . .
RUN mkdir -p /out/data && CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH GOWORK=off go build -C cmd/ghmigrate -trimpath -buildvcs=false -ldflags "-s -w -X github.com/ghmigrate/ghmigrate/cmd/ghmigrate/internal/cli.version=$VERSION" -o /out/ghmigrate .

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/ghmigrate /usr/local/bin/ghmigrate
COPY --from=build --chown=nonroot:nonroot /out/data /data
ENV XDG_STATE_HOME=/data/state
VOLUME /data
WORKDIR /data
ENTRYPOINT ["/usr/local/bin/ghmigrate"]
CMD ["--help"]
