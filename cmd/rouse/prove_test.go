package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"rouse/cmd/rouse/prove"
)

// A smaller set still: two nodes, some kills, some dozens of alerts, until Ctrl-C: what was measured by then is told, and
// nothing may be lost of it. What only comes late may, beside other packages' tests; beside ten other stories more would.
func TestE2EProveCanBeInterruptedAndFindsNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	rouse, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), rouse, "prove", "--experiment", "kill,race", "--trials", "500", "--seed", "5", "--json")
	cmd.WaitDelay = 20 * time.Second
	var out bytes.Buffer
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
	if !ok || status.ExitCode() != 1 {
		t.Errorf("it ended with %v, and says:\n%s", status, said)
	}
	var proof struct {
		Seed        uint64
		Experiments []prove.Result
	}
	if err := json.Unmarshal(out.Bytes(), &proof); err != nil || len(proof.Experiments) != 1 || proof.Seed != 5 {
		t.Fatalf("%v in %s", err, &out)
	}
	r := proof.Experiments[0]
	if r.Experiment != "kill" || !r.Interrupted || r.N < 5 || r.Pages < r.N || r.Sent < r.N || r.Late.N < r.N/2 || r.Answers == 0 {
		t.Errorf("it measured %s", &out)
	}
	if found := r.Lost + r.SentAfterAck + r.WrongPerson + r.Early + r.Strays + r.Regress; found > 0 || r.Duplicated > r.InFlight {
		t.Errorf("promises were not kept: %s", &out)
	}
	if clean := len(r.Breaches) == 0; clean != strings.HasSuffix(said, "rouse: interrupted\n") {
		t.Errorf("%d promises were not kept, and it says:\n%s", len(r.Breaches), said)
	}
	t.Logf("%d alerts, %.1f s", r.N, r.Took)
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
