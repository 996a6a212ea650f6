//go:build !linux

package demo

import "syscall"

// dieWithParent can do nothing here: a demo that is killed leaves its server behind.
func dieWithParent(*syscall.SysProcAttr) {}
