//go:build !linux

package prove

import "syscall"

// dieWithParent can do nothing here: an experiment that is killed leaves its standby behind.
func dieWithParent(*syscall.SysProcAttr) {}
