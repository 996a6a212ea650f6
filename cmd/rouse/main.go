// Command rouse is the on-call pager: the server, and the commands that ask it and talk to it.
//
// It is where everything is put together, and the only package that reads the environment. It
// decides nothing about paging: that is the engine's.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // zones are right on machines that have none
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	for _, warning := range unknownSettings(os.Environ()) {
		fmt.Fprintln(os.Stderr, "rouse: warning:", warning)
	}
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	if _, job := errors.AsType[*jobEnded](err); err != nil && !job { // a job speaks for itself
		fmt.Fprintln(os.Stderr, "rouse:", err)
	}
	os.Exit(exitStatus(err))
}

// run is the whole program: args are those after its name. What went wrong comes back as an error,
// which nothing has printed yet; exitStatus says what it means to the shell.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	root := rootCommand(&cli{getenv: getenv, stdout: stdout, stderr: stderr})
	root.SetArgs(append([]string{}, args...)) // nil would be os.Args
	err := root.ExecuteContext(ctx)
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return errors.New("interrupted")
	}
	return err
}

// exitStatus is 0 for success, 1 when what was asked failed, 2 when it was asked wrongly; of a job that was run,
// the job's.
func exitStatus(err error) int {
	if err == nil {
		return 0
	}
	if job, ok := errors.AsType[*jobEnded](err); ok {
		return job.status
	}
	if _, wrong := errors.AsType[*usageError](err); wrong {
		return 2
	}
	return 1
}

// usageError says that the command line or a setting is wrong: asking again will not help.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}
