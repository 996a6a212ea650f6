//go:build !linux

package node

import "syscall"

// dieWithParent can do nothing here: a demo that is killed leaves its server behind.
func dieWithParent(*syscall.SysProcAttr) {}
