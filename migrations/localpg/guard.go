package localpg

import (
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"syscall"
)

// guard is a shell that outlives this process and cleans up after it: it reads from a pipe whose other end only we hold,
// so the kernel tells it of our death, whatever the cause. It is used where there is a folder to remove, and on systems
// without a death signal.
type guard struct {
	cmd   *exec.Cmd
	alarm io.WriteCloser
}

// The script ends quietly when it reads a line. At the end of the file it ends the server ($1, on the cluster $2), at once
// if there are folders to remove, for then the data is worth nothing. The postmaster's last act is to remove
// postmaster.pid: that is waited for, up to ten seconds, not the end of the process, which may stay a zombie where the
// system's first process is slow to bury the dead. Then the folders go.
const watch = `
read -r line && exit 0
server=$1 cluster=$2
shift 2
if [ $# -eq 0 ]; then
	kill -INT "$server"
	exit
fi
if kill -QUIT "$server"; then
	n=0
	while [ -e "$cluster/postmaster.pid" ] && kill -0 "$server" && [ $n -lt 200 ]; do
		n=$((n + 1))
		sleep 0.05 || sleep 1
	done
fi
rm -rf -- "$@" || { sleep 1; rm -rf -- "$@"; }
`

// startGuard guards the server, a process id, and the folders to remove with it.
func startGuard(server int, cluster string, remove []string) (*guard, error) {
	args := append([]string{"-c", watch, "rouse-pg-guard", strconv.Itoa(server), cluster}, remove...)
	g := &guard{cmd: exec.Command("/bin/sh", args...)}
	// Its own process group, and no output: neither Ctrl-C nor a reader of our output must have to do with it.
	g.cmd.SysProcAttr, g.cmd.Dir = &syscall.SysProcAttr{Setpgid: true}, "/"
	var err error
	if g.alarm, err = g.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := g.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the guard: %w", err)
	}
	return g, nil
}

// dismiss sends the guard home: the server is gone already.
func (g *guard) dismiss() {
	_, _ = io.WriteString(g.alarm, "done\n")
	_ = g.alarm.Close()
	_ = g.cmd.Wait() // its status says nothing: it has done nothing
}
