//go:build !linux || arm

package durable

import "os"

func startSync(*os.File) {}
