// Package node runs the real server as a child process that can be killed and started again: for the
// demo, the benchmarks and the tests, which must not measure or show anything but what people run.
package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Process is one server. It dies when its parent dies. Fill in the fields, then Start it.
type Process struct {
	Executable string
	Environ    []string // whole
	Address    string   // host:port that it listens on
	Log        string   // file that it writes to
	Crashed    func()   // if not nil, is called when it ends without being told to

	mu     sync.Mutex
	cmd    *exec.Cmd
	done   chan struct{} // closed when the process is gone; nil if there never was one
	ending atomic.Bool   // somebody told it to end
}

const startWithin = 20 * time.Second

// URL is the server's base URL.
func (p *Process) URL() string { return "http://" + p.Address }

// PID is the process, 0 if it is not running.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone() {
		return 0
	}
	return p.cmd.Process.Pid
}

// gone reports whether nothing runs; with the lock held.
func (p *Process) gone() bool {
	select {
	case <-p.done:
		return true
	default:
		return p.done == nil
	}
}

// Start starts the server and returns when it is ready, with the time that took from the fork.
func (p *Process) Start(ctx context.Context) (took time.Duration, err error) {
	began := time.Now()
	if err := p.Launch(); err != nil {
		return 0, err
	}
	if err := p.AwaitReady(ctx); err != nil {
		return 0, err
	}
	return time.Since(began), nil
}

// AwaitReady returns when the server is ready.
func (p *Process) AwaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		if res, err := client.Get(p.URL() + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-look.C:
		case <-p.done:
			return fmt.Errorf("the server ended as it started: %s", p.LastWords())
		case <-ctx.Done():
			return fmt.Errorf("the server was not ready within %s: %s", startWithin, p.LastWords())
		}
	}
}

// Launch starts the server and does not wait until it is ready. It is forked from a thread that lives as
// long as the server does: the kernel sends the death signal when the forking thread ends (prctl(2),
// PR_SET_PDEATHSIG).
func (p *Process) Launch() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.gone() {
		return errors.New("the server is running already")
	}
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the server's log: %w", err)
	}
	cmd := exec.Command(p.Executable, "serve")
	cmd.Env, cmd.Stdout, cmd.Stderr = p.Environ, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is the parent's
	dieWithParent(cmd.SysProcAttr)
	started, done := make(chan error), make(chan struct{})
	p.ending.Store(false)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer log.Close()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()              // how it ended stands in its log
			crashed := !p.ending.Load() // looked at before anybody can start it again
			close(done)
			if crashed && p.Crashed != nil {
				p.Crashed()
			}
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("starting %s: %w", filepath.Base(p.Executable), err)
	}
	p.cmd, p.done = cmd, done
	return nil
}

// Kill ends the server with SIGKILL, and returns when it is gone. pid is 0 if it was not running.
func (p *Process) Kill() (pid int) {
	return p.signal(syscall.SIGKILL, time.Minute)
}

// Stop ends the server in an orderly way, or else at all.
func (p *Process) Stop() {
	if p.signal(syscall.SIGTERM, 3*time.Second) != 0 {
		p.Kill()
	}
}

func (p *Process) signal(sig syscall.Signal, patience time.Duration) (pid int) {
	if pid = p.PID(); pid == 0 {
		return 0
	}
	p.ending.Store(true)
	_ = p.cmd.Process.Signal(sig) // fails only if the process is gone, which is what is wanted
	select {
	case <-p.done:
	case <-time.After(patience):
	}
	return pid
}

// Pause stops the server where it stands, as a machine does that is suspended: its connections stay, and
// it does nothing. Resume lets it go on.
func (p *Process) Pause() error { return p.tell(syscall.SIGSTOP) }

// Resume lets a server go on that was paused.
func (p *Process) Resume() error { return p.tell(syscall.SIGCONT) }

func (p *Process) tell(sig syscall.Signal) error {
	pid := p.PID()
	if pid == 0 {
		return errors.New("the server is not running")
	}
	return syscall.Kill(pid, sig)
}

// LastWords is the end of the log.
func (p *Process) LastWords() string {
	text, err := os.ReadFile(p.Log)
	text = bytes.TrimSpace(text)
	if err != nil || len(text) == 0 {
		return "it said nothing"
	}
	lines := strings.Split(string(text), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], "\n")
}

// FreeAddress finds a port that nothing listens on.
func FreeAddress() (string, error) { return FreeNear(anyPort()) }

// FreeNear is FreeAddress with a port to try first. It is not one that the kernel gives to outgoing
// connections (32768 and up): one of those that keep knocking while the server is dead would at some
// time be given the server's own port, and talk to itself.
func FreeNear(port int) (string, error) {
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if l, err := net.Listen("tcp", address); err == nil {
			return address, l.Close()
		}
		port = anyPort()
	}
	return "", errors.New("no free port was found on 127.0.0.1 from 18000 to 31999")
}

func anyPort() int { return 18_000 + rand.IntN(14_000) }
