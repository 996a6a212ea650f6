package prove

import "syscall"

// dieWithParent has the kernel end a Postgres when the thread that forked it ends: SIGINT is a fast and
// orderly shutdown.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }
