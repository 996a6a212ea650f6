//go:build !linux

package localpg

import "syscall"

// diesWithParent says that the kernel does not end the server with this process here: a guard does.
const diesWithParent = false

func dieWithParent(*syscall.SysProcAttr) {}
