package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"rouse/cmd/rouse/prove"
)

// A smaller set still: two nodes, four kills, some dozens of alerts. Nothing may be lost of them either.
func TestE2EProveFindsNothing(t *testing.T) {
	story(t)
	rouse, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), rouse, "prove", "--experiment", "kill", "--trials", "2", "--json")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, &said, out)
	}
	var proof struct {
		Seed        uint64
		Experiments []prove.Result
	}
	if err := json.Unmarshal(out, &proof); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if len(proof.Experiments) != 1 {
		t.Fatalf("%s", out)
	}
	r := proof.Experiments[0]
	if r.Experiment != "kill" || r.N < 10 || r.Pages < r.N || r.Sent < r.N || r.Late.N < r.N || r.Answers < r.N/2 || len(r.Breaches) > 0 {
		t.Errorf("%s", out)
	}
	t.Logf("seed %d, %d alerts, %.1f s", proof.Seed, r.N, r.Took)
}

// Who has seen enough presses Ctrl-C, and is told what was measured until then.
func TestE2EProveCanBeInterrupted(t *testing.T) {
	story(t)
	rouse, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), rouse, "prove", "--experiment", "kill,race", "--trials", "500", "--seed", "5")
	cmd.WaitDelay = 20 * time.Second
	var out strings.Builder
	cmd.Stdout = &out
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := ""
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		said += lines.Text() + "\n"
		if strings.Contains(lines.Text(), "trials done") {
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		}
	}
	status, ok := errors.AsType[*exec.ExitError](cmd.Wait())
	if !ok || status.ExitCode() != 1 || !strings.HasSuffix(said, "rouse: interrupted\n") {
		t.Errorf("it ended with %v, and says:\n%s", status, said)
	}
	if text := out.String(); !strings.Contains(text, "kill: interrupted: this is what was measured until then") ||
		!strings.Contains(text, "Seed 5.") || strings.Contains(text, "race") {
		t.Errorf("it prints:\n%s", text)
	}
}

func TestProveRefusesWhatItCannotDo(t *testing.T) {
	for _, test := range []struct{ args, says string }{
		{"--experiment nap", `there is no experiment "nap": choose from kill, `},
		{"--quick --full", "exclude each other"},
		{"--trials -1", "give a number from 1 up"},
		{"--seed x", "invalid argument"},
		{"kill nap", `there is no experiment "nap"`},
	} {
		_, _, err := call(t, settingsOf(), append([]string{"prove"}, strings.Fields(test.args)...)...)
		if err == nil || exitStatus(err) != 2 || !strings.Contains(err.Error(), test.says) {
			t.Errorf("prove %s: %v", test.args, err)
		}
	}
}

func TestProveListsItsExperiments(t *testing.T) {
	out, _, err := call(t, settingsOf(), "prove", "--list")
	if err != nil || !strings.HasPrefix(out, "kill ") || strings.Count(out, "\n") != len(prove.Names()) {
		t.Errorf("%v: %s", err, out)
	}
}
