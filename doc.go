// Package ghmigrate is a client of GitHub's Migrations REST API.
package ghmigrate
