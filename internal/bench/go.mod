module github.com/ghmigrate/ghmigrate/internal/bench

go 1.26.0

replace github.com/ghmigrate/ghmigrate => ../../

require (
	github.com/ghmigrate/ghmigrate v0.0.0
	github.com/google/go-github/v93 v93.0.0
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/google/go-querystring v1.2.0 // indirect
	github.com/klauspost/compress v1.20.4 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/oauth2 v0.38.0 // indirect
)
