package localpg

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	superuser = "postgres"
	port      = "5432" // part of the socket's name only; nothing listens on it

	// maxSocketPath is what fits into sockaddr_un: 107 bytes on Linux, 103 on macOS and the BSDs.
	maxSocketPath = 103
)

// folder is Options.Dir and what lies in it.
type folder struct {
	path    string // absolute
	data    string // the cluster, the server's account's own
	socket  string // the folder of the socket, the server's account's own
	account account
}

// openFolder makes dir where it is absent and checks that the server's account will get into it. The mode of a folder that
// was there already is left alone. With mustBeNew, such a folder is an error.
func openFolder(dir string, mustBeNew bool) (folder, error) {
	if dir == "" {
		return folder{}, errors.New("no folder is named")
	}
	path, err := filepath.Abs(dir)
	if err != nil {
		return folder{}, err
	}
	f := folder{path: path, data: filepath.Join(path, "data"), socket: filepath.Join(path, "s")}
	if f.account, err = accountFor(f.data); err != nil {
		return folder{}, err
	}
	parents, own := os.FileMode(0o700), os.FileMode(0o700)
	if f.account.switched {
		parents, own = 0o755, 0o711 // the server's account has to pass through, and may do no more
	}
	if err := os.MkdirAll(filepath.Dir(path), parents); err != nil {
		return folder{}, err
	}
	made := true
	switch err := os.Mkdir(path, own); {
	case err == nil:
		if err := os.Chmod(path, own); err != nil { // whatever the umask
			return folder{}, err
		}
	case mustBeNew || !errors.Is(err, os.ErrExist):
		return folder{}, err
	default:
		made = false
	}
	if len(f.socketFile()) > maxSocketPath {
		f.socket = filepath.Join("/tmp", fmt.Sprintf("rouse-pg-%x", sha256.Sum256([]byte(path)))[:22])
	}
	if err := f.account.reach(path); err != nil {
		if made {
			_ = os.Remove(path) // empty, and useless
		}
		return folder{}, err
	}
	return f, nil
}

func (f folder) socketFile() string { return filepath.Join(f.socket, ".s.PGSQL."+port) }

// socketOutside reports whether the path of dir is too long for a socket, which then lies in a folder below /tmp.
func (f folder) socketOutside() bool { return filepath.Dir(f.socket) != f.path }

// lock takes the folder for this process, until it ends or closes the file. The kernel gives it free after kill -9, too.
func (f folder) lock() (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(f.path, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(file.Name())
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: process %s has a server on it", ErrInUse, strings.TrimSpace(string(holder)))
		}
		return nil, err
	}
	if err := file.Truncate(0); err == nil {
		_, err = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// waitFree returns when no server runs on the folder. The server of an owner that was just killed is still writing its
// last checkpoint: that takes a moment, and a restart right after a crash must not fail for it.
func (f folder) waitFree(ctx context.Context) error {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeoutCause(ctx, patience, ErrInUse)
	defer cancel()
	poll := time.NewTicker(10 * time.Millisecond) // somebody else's process sends no signal when it ends
	defer poll.Stop()
	for {
		pid, live := f.live()
		if !live {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: the Postgres server with process id %d runs on it", context.Cause(ctx), pid)
		case <-poll.C:
		}
	}
}

// live is the process of the server that runs on the folder, if one does. What a dead one left behind is no obstacle:
// Postgres cleans up after itself, except where the dead server's number has gone to another process, as it does in
// containers, where numbers are small and come again. Then the file that holds the number is removed.
func (f folder) live() (pid int, live bool) {
	file := filepath.Join(f.data, "postmaster.pid")
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err = strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 0 {
		return 0, false
	}
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return pid, false
	}
	if runsOn(pid, f.data) {
		return pid, true
	}
	_ = os.Remove(file) // if it stays, Postgres will say so
	return pid, false
}

// runsOn reports whether the live process pid is a postmaster on the cluster data. A postmaster's working folder is its
// cluster; where the system has no /proc, its being called postgres must do.
func runsOn(pid int, data string) bool {
	if _, err := os.Stat("/proc/self/cwd"); err == nil {
		cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
		if err != nil {
			return false // gone (a zombie has no folder), or another user's
		}
		at, errA := os.Stat(cwd)
		own, errB := os.Stat(data)
		return errA == nil && errB == nil && os.SameFile(at, own)
	}
	out, err := exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(out), "postgres")
}

// version is the major version of Postgres that made the cluster, empty if there is none yet.
func (f folder) version() string {
	text, err := os.ReadFile(filepath.Join(f.data, "PG_VERSION"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// initialise makes the cluster where there is none. It is made under another name, so that one that was interrupted is
// never taken for a whole one.
func (f folder) initialise(ctx context.Context, bin string, fast bool) error {
	if f.version() != "" {
		return nil
	}
	unfinished := f.data + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	if err := os.Remove(f.data); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is neither empty nor a Postgres cluster: %w", f.data, err)
	}
	if err := f.account.own(unfinished); err != nil {
		return err
	}
	args := []string{"-D", unfinished, "-U", superuser, "-A", "peer", "-E", "UTF8", "--locale=C"}
	if fast {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), args...)
	cmd.SysProcAttr, cmd.Dir, cmd.Env = f.account.attr(), "/", environment(bin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb as %s: %w\n%s", f.account.name, err, out)
	}
	if err := os.Rename(unfinished, f.data); err != nil {
		return err
	}
	if fast {
		return nil
	}
	return syncFolder(f.path) // or a power cut could take the new name back, with all that was committed under it
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// writeAccess says who may connect: root and whoever runs this process, vouched for by the kernel. Both files lie outside
// the cluster, where the server's account cannot change them.
func (f folder) writeAccess() error {
	ident := "rouse \"root\" " + superuser + "\n"
	if f.account.caller != "root" {
		ident += "rouse \"" + f.account.caller + "\" " + superuser + "\n"
	}
	if err := os.WriteFile(f.hba(), []byte("local all "+superuser+" peer map=rouse\n"), 0o644); err != nil {
		return err
	}
	return os.WriteFile(f.ident(), []byte(ident), 0o644)
}

func (f folder) hba() string   { return filepath.Join(f.path, "pg_hba.conf") }
func (f folder) ident() string { return filepath.Join(f.path, "pg_ident.conf") }

// makeSocketFolder makes the folder of the socket. One below /tmp has a name that others can guess, and make first: it is
// used only if it is a real folder and nobody else's.
func (f folder) makeSocketFolder() error {
	if !f.socketOutside() {
		return f.account.own(f.socket)
	}
	if err := os.Mkdir(f.socket, 0o700); err == nil {
		return os.Lchown(f.socket, int(f.account.uid), int(f.account.gid))
	}
	info, err := os.Lstat(f.socket)
	if err != nil {
		return err
	}
	if !info.IsDir() || info.Mode().Perm() != 0o700 || info.Sys().(*syscall.Stat_t).Uid != f.account.uid {
		return fmt.Errorf("%s, which is for the socket because the folder's own path is too long for one, is somebody else's: "+
			"remove it or choose a shorter path", f.socket)
	}
	return nil
}

// Sweep removes the folders that match pattern, as filepath.Match has it, and whose owner is dead: what temporary servers
// left behind when their guards were killed with them. Folders made within the last ten seconds are left alone, and so is
// everything that is not a folder of this package's.
func Sweep(pattern string) {
	dirs, _ := filepath.Glob(pattern) // the only error is a bad pattern
	for _, dir := range dirs {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < 10*time.Second {
			continue
		}
		lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(dir) // what cannot be removed now is tried again next time
		}
		lock.Close()
	}
}
