package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// settingsOf is an environment with these variables and nothing else.
func settingsOf(pairs ...string) func(string) string {
	env := map[string]string{"TZ": "UTC"}
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	return func(name string) string { return env[name] }
}

// call runs the program as the shell would.
func call(t *testing.T, getenv func(string) string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	err = run(t.Context(), args, getenv, &out, &errs)
	return out.String(), errs.String(), err
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test ./cmd/rouse -update rewrites it); got:\n%s", file, got)
	}
}

// commands are the paths of all commands, without the program's name.
func commands(cmd *cobra.Command, path []string) (all [][]string) {
	all = append(all, path)
	for _, sub := range cmd.Commands() {
		if sub.Name() != "help" && sub.Name() != "completion" {
			all = append(all, commands(sub, append(path[:len(path):len(path)], sub.Name()))...)
		}
	}
	return all
}

func TestHelpOfEveryCommand(t *testing.T) {
	for _, path := range commands(rootCommand(&cli{getenv: settingsOf()}), nil) {
		name := strings.Join(append([]string{"rouse"}, path...), "-")
		t.Run(name, func(t *testing.T) {
			help, _, err := call(t, settingsOf(), append(path, "--help")...)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "help/"+name+".txt", help)
			if !strings.Contains(help, "Examples:") {
				t.Error("no example")
			}
			for line := range strings.Lines(help) {
				if len([]rune(line)) > 110 {
					t.Errorf("too long a line: %s", line)
				}
			}
		})
	}
}

func TestEveryCommandThatAnswersHasJSON(t *testing.T) {
	root := rootCommand(&cli{getenv: settingsOf()})
	for _, path := range commands(root, nil) {
		cmd, _, err := root.Find(path)
		if err != nil {
			t.Fatal(err)
		}
		if cmd.Name() == "serve" || cmd.HasSubCommands() {
			continue
		}
		if strings.HasPrefix(cmd.Name(), "demo") {
			continue
		}
		if cmd.Flags().Lookup("json") == nil {
			t.Errorf("%s has no --json", cmd.CommandPath())
		}
	}
}

func TestExitStatus(t *testing.T) {
	nobody := "ROUSE_URL=http://127.0.0.1:1" // nothing listens there
	for _, test := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"--help"}, 0, ""},
		{nil, 0, ""},
		{[]string{"--version"}, 0, ""},
		{[]string{"oncal"}, 2, "Did you mean `rouse oncall`?"},
		{[]string{"pager"}, 2, "Did you mean `rouse page`?"},
		{[]string{"xyzzy"}, 2, "Run `rouse --help`."},
		{[]string{"token", "creat"}, 2, "Did you mean `rouse token create`?"},
		{[]string{"ack"}, 2, "KEY is missing"},
		{[]string{"ack", "HOT-1", "ann"}, 2, `"ann" is one argument too many`},
		{[]string{"page", "HOT-1"}, 2, "NAME is missing"},
		{[]string{"page", "HOT-1", "team:dba"}, 2, "neither person:NAME nor roster:NAME"},
		{[]string{"incidents", "--status", "closed"}, 2, "use open, new, fixing, resolved or all"},
		{[]string{"incidents", "--limit", "0"}, 2, "use 1 or more"},
		{[]string{"incidents", "--limit", "ten"}, 2, "Run `rouse incidents --help`."},
		{[]string{"oncall", "--at", "tomorrow"}, 2, "write 2026-12-24 18:00"},
		{[]string{"oncall", "--zone", "Mars/Olympus"}, 2, "such as Europe/Berlin"},
		{[]string{"oncall", "--frobnicate"}, 2, "unknown flag"},
		{[]string{"token", "create"}, 2, "--scope is missing"},
		{[]string{"token", "create", "--scope", "root"}, 2, "use read, respond, admin or intake"},
		{[]string{"token", "create", "--scope", "admin"}, 2, "--name is missing"},
		{[]string{"token", "create", "--scope", "admin", "--service", "web"}, 2, "nothing else"},
		{[]string{"token", "create", "--scope", "read", "--person", "ann"}, 2, "--scope respond"},
		{[]string{"token", "revoke", "laptop"}, 2, "not the id of a key"},
		{[]string{"oncall"}, 1, "is `rouse serve` running?"},
		{[]string{"ack", "HOT-1"}, 1, "Set ROUSE_URL"},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			_, _, err := call(t, settingsOf(nobody), test.args...)
			if got := exitStatus(err); got != test.status {
				t.Errorf("exit status %d, want %d (%v)", got, test.status, err)
			}
			if err != nil && (test.says == "" || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("says %q, want %q in it", err, test.says)
			}
		})
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := run(ctx, []string{"oncall"}, settingsOf("ROUSE_URL=http://127.0.0.1:1"), &bytes.Buffer{}, &bytes.Buffer{})
	if err == nil || err.Error() != "interrupted" || exitStatus(err) != 1 {
		t.Errorf("got %v", err)
	}
}

func TestUsageErrorKeepsItsCause(t *testing.T) {
	cause := errors.New("cause")
	if err := usagef("doing: %w", cause); !errors.Is(err, cause) || exitStatus(err) != 2 {
		t.Errorf("got %v", err)
	}
}
