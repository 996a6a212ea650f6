//go:build !linux

package dbtest

func memoryFolder() string { return "" }
