package demo

import "syscall"

// dieWithParent has the kernel kill a child when the thread that forked it ends.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
