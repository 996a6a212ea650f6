package localpg

import "syscall"

// diesWithParent says that the kernel ends the server when this process ends.
const diesWithParent = true

// dieWithParent has the kernel send a child SIGINT, which to Postgres means a fast and orderly shutdown, when the thread
// that forked it ends: prctl(2), PR_SET_PDEATHSIG.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }
